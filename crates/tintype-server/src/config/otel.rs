//! OpenTelemetry's own variables, as specified: all programs of a deployment find the collector by the same
//! variables. Nothing is sent without an endpoint.
//!
//! The SDK itself reads the limits of span batches (`OTEL_BSP_*`). Settings of the specification that are not
//! supported here are a problem if ignoring them would send something else than requested.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use super::problems::Problems;

pub(super) const PREFIX: &str = "OTEL_";

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SERVICE: &str = "tintype";
const INTERVAL: Duration = Duration::from_secs(60);
const FIX: &str = "see the specification of OpenTelemetry for its form";

/// What is sent to a collector, and under which name.
#[derive(Debug)]
pub struct Otel {
    /// `service.name`.
    pub service: String,
    pub traces: Option<Signal>,
    pub metrics: Option<Signal>,
    /// Attributes, including `service.name`.
    pub resource: Vec<(String, String)>,
    pub sampler: Sampler,
    pub metrics_interval: Duration,
}

/// Endpoint of one signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub endpoint: String,
    pub headers: Vec<(String, String)>,
    pub timeout: Duration,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// The caller's sampling decision is followed, if there is one.
    pub follows_parent: bool,
    /// The sampled part of all other requests.
    pub ratio: f64,
}

impl Default for Otel {
    fn default() -> Self {
        Self {
            service: SERVICE.to_owned(),
            traces: None,
            metrics: None,
            resource: Vec::new(),
            sampler: Sampler::default(),
            metrics_interval: INTERVAL,
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            follows_parent: true,
            ratio: 1.0,
        }
    }
}

/// `variables` are those with the prefix, none of them empty.
pub(super) fn read(variables: &BTreeMap<String, String>, problems: &mut Problems) -> Otel {
    let mut reader = VariableReader {
        variables,
        problems,
    };
    let resource = reader.resource();
    let is_service = |(name, _): &&(String, String)| name == "service.name";
    let service = resource.iter().find(is_service);
    let nowhere = Otel {
        service: service.map_or_else(String::new, |(_, name)| name.clone()),
        ..Otel::default()
    };
    if reader.is_disabled() {
        return nowhere;
    }
    let traces = reader.signal("TRACES", "v1/traces");
    let metrics = reader.signal("METRICS", "v1/metrics");
    if traces.is_none() && metrics.is_none() {
        return nowhere;
    }
    Otel {
        traces,
        metrics,
        resource,
        sampler: reader.sampler(),
        metrics_interval: reader
            .milliseconds(&["OTEL_METRIC_EXPORT_INTERVAL"])
            .unwrap_or(INTERVAL),
        ..nowhere
    }
}

struct VariableReader<'a> {
    variables: &'a BTreeMap<String, String>,
    problems: &'a mut Problems,
}

impl VariableReader<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|text| text.trim())
    }

    /// The first of these variables that is set, with its name.
    fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, String)> {
        let set = |name: &&'n str| Some((*name, self.get(name)?.to_owned()));
        names.iter().find_map(set)
    }

    fn is_disabled(&mut self) -> bool {
        match self.get("OTEL_SDK_DISABLED").map(str::to_ascii_lowercase) {
            None => false,
            Some(text) => match text.as_str() {
                "true" => true,
                "false" => false,
                _ => {
                    let reason = format!("{text:?} is neither true nor false");
                    self.problems.add("OTEL_SDK_DISABLED", reason, FIX);
                    true
                }
            },
        }
    }

    /// `None` if the signal is not to be sent.
    fn signal(&mut self, signal: &str, path: &str) -> Option<Signal> {
        let name = |what: &str| format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
        let exporter = format!("OTEL_{signal}_EXPORTER");
        match self.get(&exporter) {
            None | Some("otlp") => {}
            Some("none") => return None,
            Some(other) => {
                let reason = format!("{other:?} is neither otlp nor none");
                self.problems.add(&exporter, reason, FIX);
            }
        }
        let (own, general) = (name("ENDPOINT"), self.get(ENDPOINT));
        let (variable, endpoint) = match (self.get(&own), general) {
            (Some(url), _) => (&*own, url.to_owned()),
            (None, Some(url)) => (ENDPOINT, format!("{}/{path}", url.trim_end_matches('/'))),
            (None, None) => return None,
        };
        if !is_address(&endpoint) {
            let fix = "write it like http://localhost:4318";
            self.problems.add(variable, "not an http or https URL", fix);
        }
        for (what, done, instead) in [
            (
                "PROTOCOL",
                "http/protobuf",
                "the port for HTTP is mostly 4318",
            ),
            (
                "COMPRESSION",
                "none",
                "use a collector nearby that compresses it",
            ),
            (
                "TEMPORALITY_PREFERENCE",
                "cumulative",
                "let a collector change it",
            ),
            (
                "CERTIFICATE",
                "",
                "send it to a collector nearby that supports this",
            ),
            (
                "CLIENT_KEY",
                "",
                "send it to a collector nearby that supports this",
            ),
            (
                "CLIENT_CERTIFICATE",
                "",
                "send it to a collector nearby that supports this",
            ),
        ] {
            let general = format!("OTEL_EXPORTER_OTLP_{what}");
            let own = name(what);
            let Some((name, text)) = self.first(&[&own, &general]) else {
                continue;
            };
            if text != done {
                let reason = match done {
                    "" => "not done here".to_owned(),
                    done => format!("{text:?} is not supported, only {done}"),
                };
                self.problems.add(name, reason, instead);
            }
        }
        let headers = self.headers(&[&name("HEADERS"), "OTEL_EXPORTER_OTLP_HEADERS"]);
        let timeout = self.milliseconds(&[&name("TIMEOUT"), "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        Some(Signal {
            endpoint,
            headers,
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
        })
    }

    /// Headers may hold secrets, so no message shows them.
    fn headers(&mut self, names: &[&str]) -> Vec<(String, String)> {
        let Some((name, text)) = self.first(names) else {
            return Vec::new();
        };
        let headers = pairs(&text).filter(|headers| {
            headers.iter().all(|(name, value)| {
                HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
            })
        });
        headers.unwrap_or_else(|| {
            let reason = "not header fields as name=value, separated by commas";
            self.problems.add(name, reason, FIX);
            Vec::new()
        })
    }

    fn milliseconds(&mut self, names: &[&str]) -> Option<Duration> {
        let (name, text) = self.first(names)?;
        match text.parse() {
            Ok(ms) if ms > 0 => Some(Duration::from_millis(ms)),
            _ => {
                let reason = format!("{text:?} is not a number of milliseconds above 0");
                self.problems.add(name, reason, FIX);
                None
            }
        }
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let said = self.get(name).map(pairs);
        if matches!(said, Some(None)) {
            let reason = "not attributes as name=value, separated by commas";
            self.problems.add(name, reason, FIX);
        }
        let mut attributes = said.flatten().unwrap_or_default();
        if let Some(service) = self.get("OTEL_SERVICE_NAME") {
            attributes.retain(|(name, _)| name != "service.name");
            attributes.push(("service.name".to_owned(), service.to_owned()));
        }
        // A collector must be able to tell replicas apart, because each counts for itself.
        let instance = format!("{:016x}", getrandom::u64().unwrap_or_default());
        for (name, value) in [
            ("service.name", SERVICE),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", &instance),
        ] {
            if !attributes.iter().any(|(said, _)| said == name) {
                attributes.push((name.to_owned(), value.to_owned()));
            }
        }
        attributes
    }

    fn sampler(&mut self) -> Sampler {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.get(NAME).map(str::to_owned) else {
            return Sampler::default();
        };
        let (follows_parent, root) = match text.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, &*text),
        };
        let ratio = match root {
            "always_on" => Some(1.0),
            "always_off" => Some(0.0),
            "traceidratio" => {
                let argument = self.get(ARGUMENT).unwrap_or("1").to_owned();
                let ratio = argument.parse().ok().filter(|r| (0.0..=1.0).contains(r));
                if ratio.is_none() {
                    let reason = format!("{argument:?} is not a number from 0 to 1");
                    self.problems.add(ARGUMENT, reason, FIX);
                }
                ratio
            }
            _ => {
                let reason = format!("{text:?} is not a supported sampler");
                let fix = "write always_on, always_off or traceidratio, or one of them after parentbased_";
                self.problems.add(NAME, reason, fix);
                None
            }
        };
        Sampler {
            follows_parent,
            ratio: ratio.unwrap_or(1.0),
        }
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            // Secrets belong in headers.
            && !text.contains('@')
            && url.host().is_some_and(|host| !host.is_empty())
    })
}

/// Parses `name=value,other=value` with percent-encoded values.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim);
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
    };
    parts.filter(|part| !part.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(variables: &[(&str, &str)]) -> (Otel, Vec<String>) {
        let variables = variables
            .iter()
            .map(|(name, text)| (format!("OTEL_{name}"), (*text).to_owned()))
            .collect();
        let mut problems = Problems::default();
        let otel = read(&variables, &mut problems);
        let problems = problems.refused.iter().map(ToString::to_string);
        (otel, problems.collect())
    }

    fn endpoints(variables: &[(&str, &str)]) -> [Option<String>; 2] {
        let (otel, problems) = read_all(variables);
        assert_eq!(problems, [""; 0]);
        [otel.traces, otel.metrics].map(|signal| Some(signal?.endpoint))
    }

    #[test]
    fn nothing_is_sent_without_an_endpoint() {
        let (all, own) = ("EXPORTER_OTLP_ENDPOINT", "EXPORTER_OTLP_TRACES_ENDPOINT");
        let to = |text: &str| Some(text.to_owned());
        assert_eq!(endpoints(&[("SERVICE_NAME", "x")]), [None, None]);
        assert_eq!(
            endpoints(&[(all, "http://a:4318/")]),
            [
                to("http://a:4318/v1/traces"),
                to("http://a:4318/v1/metrics")
            ]
        );
        assert_eq!(
            endpoints(&[(own, "https://b/otlp")]),
            [to("https://b/otlp"), None]
        );
        assert_eq!(
            endpoints(&[
                (own, "http://b/"),
                (all, "http://a"),
                ("METRICS_EXPORTER", "none")
            ]),
            [to("http://b/"), None]
        );
        let disabled = [(all, "http://a"), ("SDK_DISABLED", "True")];
        assert_eq!(endpoints(&disabled), [None, None]);
    }

    #[test]
    fn headers_resource_and_sampler_are_those_of_the_specification() {
        let (otel, problems) = read_all(&[
            ("EXPORTER_OTLP_ENDPOINT", "http://a"),
            ("EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, b=c"),
            ("EXPORTER_OTLP_METRICS_TIMEOUT", "250"),
            ("SERVICE_NAME", "media"),
            (
                "RESOURCE_ATTRIBUTES",
                "service.name=lost,deployment.environment=a%2Cb",
            ),
            ("TRACES_SAMPLER", "parentbased_traceidratio"),
            ("TRACES_SAMPLER_ARG", "0.25"),
            ("METRIC_EXPORT_INTERVAL", "5000"),
        ]);
        assert_eq!(problems, [""; 0]);
        let (traces, metrics) = (otel.traces.unwrap(), otel.metrics.unwrap());
        assert_eq!(traces.headers[0].1, "Bearer x");
        assert_eq!(traces.timeout, Duration::from_secs(10));
        assert_eq!(metrics.timeout, Duration::from_millis(250));
        assert_eq!(otel.metrics_interval, Duration::from_secs(5));
        assert_eq!(
            otel.sampler,
            Sampler {
                follows_parent: true,
                ratio: 0.25
            }
        );
        let value = |wanted: &str| {
            let found = otel.resource.iter().filter(|(name, _)| name == wanted);
            let values: Vec<_> = found.map(|(_, value)| value.as_str()).collect();
            values.join(" ")
        };
        assert_eq!(
            (value("service.name"), &*otel.service),
            ("media".to_owned(), "media")
        );
        assert_eq!(value("deployment.environment"), "a,b");
        assert_eq!(value("service.instance.id").len(), 16);
    }

    #[test]
    fn unsupported_settings_are_refused_by_name_and_without_secrets() {
        for (name, text) in [
            ("EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
            ("EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4318"),
            ("EXPORTER_OTLP_HEADERS", "SECRET"),
            ("EXPORTER_OTLP_HEADERS", "a=SECRET%0a"),
            ("EXPORTER_OTLP_TIMEOUT", "10s"),
            ("METRIC_EXPORT_INTERVAL", "0"),
            ("TRACES_EXPORTER", "zipkin"),
            ("TRACES_SAMPLER", "sometimes"),
            ("SDK_DISABLED", "yes"),
            ("RESOURCE_ATTRIBUTES", "production"),
        ] {
            let endpoint = ("EXPORTER_OTLP_ENDPOINT", "http://a");
            let (_, problems) = read_all(&[endpoint, (name, text)]);
            assert!(!problems.is_empty(), "{name}={text}");
            for problem in problems {
                assert!(problem.starts_with(&format!("OTEL_{name}: ")), "{problem}");
                assert!(!problem.contains("SECRET"), "{problem}");
            }
        }
    }
}
