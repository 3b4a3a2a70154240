//! Requests for old URLs and their results, which show when a grammar can be removed.

use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OldUrlLabels {
    grammar: &'static str,
    host: String,
    result: &'static str,
}

/// Host names come with requests; this many are counted separately.
const MAX_HOSTS: usize = 20;
const MAX_HOST_BYTES: usize = 100;
const OTHER: &str = "other";

pub struct OldUrls {
    requests: Family<OldUrlLabels, Counter>,
    hosts: Mutex<Vec<String>>,
}

impl OldUrls {
    pub(super) fn new(requests: Family<OldUrlLabels, Counter>) -> Self {
        Self {
            requests,
            hosts: Mutex::default(),
        }
    }

    /// `result` is `here`, `redirect`, `failed` for later errors, or the reason of a refusal. A host without any
    /// successful response has no label of its own, lest invented ones use them all up.
    pub fn count(&self, grammar: &'static str, host: Option<&str>, result: &'static str) {
        let is_answered = matches!(result, "here" | "redirect");
        let host = self.label(host.unwrap_or_default(), is_answered);
        let labels = OldUrlLabels {
            grammar,
            host,
            result,
        };
        self.requests.get_or_create(&labels).inc();
    }

    fn label(&self, host: &str, may_be_new: bool) -> String {
        // The port is dropped; an IPv6 address is kept whole.
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        let is_name = (1..=MAX_HOST_BYTES).contains(&name.len()) && name.bytes().all(in_name);
        let name = name.to_ascii_lowercase();
        let Ok(mut hosts) = self.hosts.lock() else {
            return OTHER.to_owned();
        };
        if is_name && may_be_new && hosts.len() < MAX_HOSTS && !hosts.contains(&name) {
            hosts.push(name.clone());
        }
        match hosts.contains(&name) {
            true => name,
            false => OTHER.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_few_and_only_those_with_a_successful_response() {
        let counted = OldUrls::new(Family::default());
        counted.count("thumbor", Some("scan.example"), "signature");
        assert_eq!(counted.label("scan.example", false), OTHER);
        counted.count("thumbor", Some("Old.example:8080"), "here");
        assert_eq!(counted.label("old.example", false), "old.example");
        for n in 0..50 {
            counted.count("pattern", Some(&format!("{n}.example")), "redirect");
        }
        assert_eq!(counted.hosts.lock().unwrap().len(), MAX_HOSTS);
        for invented in ["", "a b", "a\"b", &"a".repeat(200)] {
            assert_eq!(OldUrls::new(Family::default()).label(invented, true), OTHER);
        }
    }
}
