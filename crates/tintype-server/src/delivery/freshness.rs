//! Computes `Cache-Control`: how long a response may be cached, and by whom.

use std::time::Duration;

use http::HeaderValue;

/// What `Cache-Control` depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freshness {
    /// The URL names the current version, and nothing whose meaning may change (a preset).
    pub(super) pinned: bool,
    /// Seconds until the URL expires or the state of the original changes.
    pub(super) at_most: Option<u64>,
    /// Only for this client's own cache: URLs that expire are permissions, not public names.
    pub(super) private: bool,
    /// A better format for the same request is being made.
    pub(super) interim: bool,
}

/// A pinned response never changes; caches treat a year as "for ever".
const FOR_EVER: u64 = 31_536_000;

/// Long enough to reduce the load, short enough that the better format soon replaces this one.
const INTERIM: Duration = Duration::from_secs(60);

/// How long a CDN may serve a stale response while it revalidates, and (`IF_ERROR`) while the origin fails.
const WHILE_REVALIDATE: u64 = 60;
const IF_ERROR: u64 = 86_400;

pub(super) fn cache_control(
    freshness: Freshness,
    max_age: Duration,
    s_maxage: Duration,
) -> HeaderValue {
    let longest = if freshness.interim {
        INTERIM
    } else {
        Duration::MAX
    };
    let (max_age, s_maxage) = (max_age.min(longest), s_maxage.min(longest));
    let pinned = freshness.pinned && !freshness.interim;
    if freshness.private {
        let longest = if pinned { FOR_EVER } else { max_age.as_secs() };
        let seconds = freshness.at_most.map_or(longest, |most| most.min(longest));
        return value(&format!("private, max-age={seconds}"));
    }
    if pinned && freshness.at_most.is_none() {
        return HeaderValue::from_static("public, max-age=31536000, immutable");
    }
    let most = freshness.at_most.unwrap_or(u64::MAX);
    let (max_age, s_maxage) = (max_age.as_secs().min(most), s_maxage.as_secs().min(most));
    value(&format!(
        "public, max-age={max_age}, s-maxage={s_maxage}, \
         stale-while-revalidate={WHILE_REVALIDATE}, stale-if-error={IF_ERROR}"
    ))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("words and digits are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(freshness: Freshness, expected: &str) {
        let (max_age, s_maxage) = (Duration::from_secs(60), Duration::from_secs(86_400));
        assert_eq!(
            cache_control(freshness, max_age, s_maxage),
            expected,
            "{freshness:?}"
        );
    }

    #[test]
    fn only_a_pinned_url_is_cached_for_ever() {
        let plain = Freshness {
            pinned: false,
            at_most: None,
            private: false,
            interim: false,
        };
        check(
            Freshness {
                pinned: true,
                ..plain
            },
            "public, max-age=31536000, immutable",
        );
        check(
            plain,
            "public, max-age=60, s-maxage=86400, stale-while-revalidate=60, stale-if-error=86400",
        );
    }

    #[test]
    fn a_url_that_expires_is_private_and_cached_no_longer() {
        let signed = Freshness {
            pinned: true,
            at_most: Some(30),
            private: true,
            interim: false,
        };
        check(signed, "private, max-age=30");
        check(
            Freshness {
                at_most: Some(3_600),
                ..signed
            },
            "private, max-age=3600",
        );
        check(
            Freshness {
                pinned: false,
                at_most: Some(3_600),
                ..signed
            },
            "private, max-age=60",
        );
    }
    #[test]
    fn an_interim_response_is_cached_for_a_minute_whatever_its_url() {
        let interim = Freshness {
            pinned: true,
            at_most: None,
            private: false,
            interim: true,
        };
        check(
            interim,
            "public, max-age=60, s-maxage=60, stale-while-revalidate=60, stale-if-error=86400",
        );
        check(
            Freshness {
                at_most: Some(30),
                private: true,
                ..interim
            },
            "private, max-age=30",
        );
    }
}
