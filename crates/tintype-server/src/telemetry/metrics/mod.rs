//! What the service counts: names, units and labels, in one place.
//!
//! Every label is a fixed word or the name of a configured site, so the number of series is bounded whatever is
//! requested: labels never contain a path, a key, a token or anything else from a request. Series that alarms may
//! name exist from the start, at zero. Gauges of other parts are set when metrics are read, by
//! [`Metrics::observe_pool`] and its neighbours.

mod exposition;
mod labels;
mod observe;
mod old_urls;
mod process;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::Method;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};
use tintype_imaging::render::AVIF_ENCODER;
use tintype_imaging::spec::Format;

use crate::error::{Code, Error};
use crate::telemetry::access_log::ROUTES;
use crate::workers::Tallies;
pub(crate) use exposition::{Exposition, MetricFamily, MetricKind, Sample};
use labels::{
    Breaker, Build, BySite, CacheEvent, Disk, Event, Kind, Listener, OTHER_SITES, Outcome, Purges,
    Reason, Request, Route, Site, SiteStatus, Stage, StorageRequest,
};
pub(crate) use old_urls::OldUrls;
use process::Process;

/// Seconds: from a hit in memory to a request that was cancelled.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Sites that are counted separately; the rest is counted together.
const MAX_SITES: usize = 100;

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;
type Seconds = Counter<f64, AtomicU64>;

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

pub struct Metrics {
    registry: Registry,
    process: Process,
    requests: Family<Request, Counter>,
    request_duration: Histograms<Route>,
    response_bytes: HashMap<&'static str, Counter>,
    sites: BySite<OfSite>,
    stage_duration: Histograms<Stage>,
    cache_events: Family<CacheEvent, Counter>,
    in_flight: Gauge,
    connections: Family<Listener, Gauge>,
    connections_limit: Gauge,
    draining: Gauge,
    queue_depth: Gauge,
    queue_wait: Histogram,
    workers_busy: Gauge,
    workers_busy_time: Seconds,
    workers: Gauge,
    jobs_foreseen: Family<Kind, Seconds>,
    jobs_taken: Family<Kind, Seconds>,
    memory_used: Gauge,
    memory_limit: Gauge,
    hot_cache_bytes: Gauge,
    hot_cache_entries: Gauge,
    hot_cache_limit: Gauge,
    spool_bytes: Gauge,
    spool_limit: Gauge,
    disk_free: Family<Disk, Gauge>,
    shed: Family<Reason, Counter>,
    background_depth: Gauge,
    background_busy: Gauge,
    background_shed: Family<Reason, Counter>,
    decode_rejected: Family<Reason, Counter>,
    decode_panics: Counter,
    formats_deferred: Family<Reason, Counter>,
    formats_made_later: Family<Outcome, Counter>,
    uploads: Family<Outcome, Counter>,
    upload_bytes: Counter,
    storage_duration: Histograms<StorageRequest>,
    storage_events: Family<Event, Counter>,
    breaker_open: Family<Breaker, Gauge>,
    purges: Family<Purges, Counter>,
    purges_pending: Gauge,
    purges_oldest: Gauge,
    old_urls: OldUrls,
    log_lines_dropped: Counter,
}

struct OfSite {
    /// By the first digit of the status.
    answers: [Counter; 6],
    bytes: Counter,
}

/// A finished request.
pub struct FinishedRequest<'a> {
    /// A fixed name, see [`crate::telemetry::access_log`].
    pub route: &'static str,
    pub site: Option<&'a str>,
    pub method: &'a Method,
    /// 499 for a client that left before the response.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    pub took: Duration,
}

/// Creates and registers metrics. Samples of a counter get the suffix `_total`, those with a unit the unit.
struct Making<'r>(&'r mut Registry);

impl Making<'_> {
    fn add<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn with_unit<M: Metric + Clone + Default>(&mut self, name: &str, unit: Unit, help: &str) -> M {
        let metric = M::default();
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }

    fn durations<L>(&mut self, name: &str, help: &str) -> Histograms<L>
    where
        Histograms<L>: Metric,
        L: Clone + std::hash::Hash + Eq,
    {
        let family = Family::new_with_constructor(histogram as fn() -> Histogram);
        let registered = family.clone();
        self.0
            .register_with_unit(name, help, Unit::Seconds, registered);
        family
    }
}

impl Metrics {
    /// `sites` are the names of all sites.
    pub fn new<'a>(version: &'static str, sites: impl IntoIterator<Item = &'a str>) -> Self {
        let mut registry = Registry::default();
        let process = Process::register(&mut registry);
        let mut r = Making(registry.sub_registry_with_prefix("tintype"));
        let build: Family<Build, Gauge> = r.add("build_info", "Version of the running service");
        let avif = AVIF_ENCODER;
        build.get_or_create(&Build { version, avif }).set(1);
        let queue_wait = histogram();
        r.0.register_with_unit(
            "queue_wait",
            "Time jobs waited for a pixel thread",
            Unit::Seconds,
            queue_wait.clone(),
        );
        let metrics = Self {
            process,
            queue_wait,
            requests: r.add("http_requests", "Requests"),
            request_duration: r.durations(
                "http_request_duration",
                "Time from the head of a request to the end of its response",
            ),
            response_bytes: of_routes(&mut r),
            sites: of_sites(sites, &mut r),
            stage_duration: r.durations("stage_duration", "Time of each step of a variant"),
            cache_events: r.add("cache_events", "Cache lookups, by cache and result"),
            in_flight: r.add("inflight", "Requests in progress"),
            connections: r.add("connections", "Open client connections, by listener"),
            connections_limit: r.add(
                "connections_limit",
                "Limit of connections, public and API listeners together",
            ),
            draining: r.add("draining", "1 after SIGTERM"),
            queue_depth: r.add("queue_depth", "Jobs waiting for a pixel thread"),
            workers: r.add("workers", "Pixel threads"),
            workers_busy: r.add("workers_busy", "Busy pixel threads"),
            workers_busy_time: r.with_unit(
                "workers_busy",
                Unit::Seconds,
                "Time pixel threads were busy, including waits for the store",
            ),
            jobs_foreseen: r.with_unit(
                "jobs_foreseen",
                Unit::Seconds,
                "Estimated pixel thread time of finished jobs, by kind",
            ),
            jobs_taken: r.with_unit(
                "jobs_taken",
                Unit::Seconds,
                "Measured pixel thread time of the same jobs, by kind",
            ),
            memory_used: r.with_unit(
                "memory_budget_used",
                Unit::Bytes,
                "Memory claimed by running jobs for decoded images",
            ),
            memory_limit: r.with_unit(
                "memory_budget_limit",
                Unit::Bytes,
                "Limit of the memory claimed by running jobs",
            ),
            hot_cache_bytes: r.with_unit(
                "hot_cache",
                Unit::Bytes,
                "Size of the variants held in memory",
            ),
            hot_cache_entries: r.add("hot_cache_entries", "Variants held in memory"),
            hot_cache_limit: r.with_unit(
                "hot_cache_limit",
                Unit::Bytes,
                "Limit of the hot cache, headers included",
            ),
            spool_bytes: r.with_unit("spool", Unit::Bytes, "Spool space reserved for uploads"),
            spool_limit: r.with_unit("spool_limit", Unit::Bytes, "Limit of the spool"),
            disk_free: r.with_unit("disk_free", Unit::Bytes, "Free disk space, by folder"),
            shed: r.add("shed", "Requests refused because of load"),
            background_depth: r.add(
                "background_depth",
                "Background jobs waiting until no request waits",
            ),
            background_busy: r.add("background_busy", "Busy background threads"),
            background_shed: r.add("background_shed", "Background jobs refused because of load"),
            decode_rejected: r.add("decode_rejected", "Originals that could not be decoded"),
            decode_panics: r.add("decode_panics", "Panics caught while decoding or encoding"),
            formats_deferred: r.add(
                "formats_deferred",
                "Responses in another format because the best one cost too much at that moment",
            ),
            formats_made_later: r.add(
                "formats_made_later",
                "Best formats rendered in the background after such responses, by result",
            ),
            uploads: r.add("uploads", "Uploads, by result"),
            upload_bytes: r.with_unit("upload", Unit::Bytes, "Bytes of stored uploads"),
            storage_duration: r.durations("storage_request_duration", "Requests to the store"),
            storage_events: r.add(
                "storage_events",
                "Bucket requests retried or hedged, and circuit breakers opened",
            ),
            breaker_open: r.add(
                "breaker_open",
                "1 while a circuit breaker is open: the bucket is tried once a second",
            ),
            purges: r.add(
                "purges",
                "Purges delivered to downstream caches, and failed attempts",
            ),
            purges_pending: r.add(
                "purges_pending",
                "Purges that a downstream cache has not confirmed yet",
            ),
            purges_oldest: r.with_unit(
                "purges_oldest",
                Unit::Seconds,
                "Age of the oldest unconfirmed purge",
            ),
            old_urls: OldUrls::new(r.add(
                "old_urls",
                "Requests for URLs of a former server, by grammar and result",
            )),
            log_lines_dropped: r.add("log_lines_dropped", "Log lines dropped"),
            registry: Registry::default(),
        };
        metrics.begin_at_nothing();
        Self {
            registry,
            ..metrics
        }
    }

    /// Alarms cannot see an increase in a series that starts with its first count.
    fn begin_at_nothing(&self) {
        for (route, method, done) in [
            ("variant", "GET", 200),
            ("original", "GET", 200),
            ("json", "GET", 200),
            ("files", "PUT", 201),
            ("files", "POST", 201),
            ("files", "GET", 200),
            ("files", "DELETE", 204),
            ("records", "GET", 200),
            ("records", "PATCH", 200),
            ("list", "GET", 200),
            ("batch", "POST", 200),
            ("copy", "POST", 201),
            ("move", "POST", 201),
            ("purge", "POST", 200),
        ] {
            for status in [done, 500, 503] {
                begin(
                    &self.requests,
                    Request {
                        route,
                        method,
                        status,
                    },
                );
            }
        }
        for route in ["variant", "original", "files"] {
            begin(&self.request_duration, Route { route });
        }
        for stage in ["fetch", "decode", "resize", "encode"] {
            begin(&self.stage_duration, Stage { stage });
        }
        let tier = "variants";
        for event in ["hit", "miss", "coalesced", "stored"] {
            begin(&self.cache_events, CacheEvent { tier, event });
        }
        for (reason, _) in Tallies::default().by_reason() {
            begin(&self.shed, Reason { reason });
            begin(&self.background_shed, Reason { reason });
        }
        for code in Code::ALL
            .iter()
            .filter(|code| Error::new(**code).is_of_original())
        {
            let reason = code.as_str();
            begin(&self.decode_rejected, Reason { reason });
        }
        for reason in ["dear", "busy"] {
            begin(&self.formats_deferred, Reason { reason });
        }
        for result in ["made", "refused", "failed"] {
            begin(&self.formats_made_later, Outcome { result });
        }
        for result in ["created", "replaced"] {
            begin(&self.uploads, Outcome { result });
        }
        for op in ["get", "put"] {
            for result in ["ok", "failed"] {
                begin(&self.storage_duration, StorageRequest { op, result });
            }
        }
        for event in ["retry", "hedge", "breaker-open"] {
            begin(&self.storage_events, Event { event });
        }
        let store = "originals";
        for of in ["all", "reads", "writes", "lists"] {
            begin(&self.breaker_open, Breaker { store, of });
        }
        for purger in ["varnish", "cloudfront", "webhook"] {
            for result in ["delivered", "failed"] {
                begin(&self.purges, Purges { purger, result });
            }
        }
        let listener = "public";
        begin(&self.connections, Listener { listener });
        let formats = Format::ALL.map(Format::name);
        for kind in formats.into_iter().chain(["animation", "placeholder"]) {
            begin(&self.jobs_foreseen, Kind { kind });
            begin(&self.jobs_taken, Kind { kind });
        }
        begin(&self.disk_free, Disk { disk: "spool" });
    }

    pub fn old_urls(&self) -> &OldUrls {
        &self.old_urls
    }

    pub fn request_began(&self) {
        self.in_flight.inc();
    }

    pub fn request_ended(&self, answered: &FinishedRequest<'_>) {
        let &FinishedRequest {
            route,
            site,
            method,
            status,
            bytes,
            took,
        } = answered;
        self.in_flight.dec();
        let method = method_label(method);
        self.requests
            .get_or_create(&Request {
                route,
                method,
                status,
            })
            .inc();
        self.request_duration
            .get_or_create(&Route { route })
            .observe(took.as_secs_f64());
        if let Some(of_route) = self.response_bytes.get(route) {
            of_route.inc_by(bytes);
        }
        let Some(site) = site else { return };
        if let Some(of_site) = self.sites.get(site).or_else(|| self.sites.get(OTHER_SITES)) {
            if let Some(answers) = of_site.answers.get(usize::from(status / 100)) {
                answers.inc();
            }
            of_site.bytes.inc_by(bytes);
        }
    }

    /// Records a step that really happened; a request that waits for another's work adds nothing.
    pub fn stage(&self, stage: &'static str, took: Duration) {
        self.stage_duration
            .get_or_create(&Stage { stage })
            .observe(took.as_secs_f64());
    }

    /// For example tier `hot`, event `hit`.
    pub fn cache(&self, tier: &'static str, event: &'static str) {
        self.cache_events
            .get_or_create(&CacheEvent { tier, event })
            .inc();
    }

    pub fn queue_waited(&self, waited: Duration) {
        self.queue_wait.observe(waited.as_secs_f64());
    }

    /// Counts an original that cannot be rendered. Other reasons are counted elsewhere.
    pub fn decode_rejected(&self, error: &Error) {
        if error.is_of_original() {
            let reason = error.code().as_str();
            self.decode_rejected.get_or_create(&Reason { reason }).inc();
        }
    }

    /// `reason` is `dear` or `busy`.
    pub fn format_deferred(&self, reason: &'static str) {
        self.formats_deferred
            .get_or_create(&Reason { reason })
            .inc();
    }

    /// `result` is `made`, `refused` or `failed`.
    pub fn format_made_later(&self, result: &'static str) {
        self.formats_made_later
            .get_or_create(&Outcome { result })
            .inc();
    }

    /// `result` is `created`, `replaced`, or the code of the refusal.
    pub fn upload(&self, result: &'static str, stored_bytes: u64) {
        self.uploads.get_or_create(&Outcome { result }).inc();
        self.upload_bytes.inc_by(stored_bytes);
    }

    pub fn storage(&self, op: &'static str, result: &'static str, took: Duration) {
        let labels = StorageRequest { op, result };
        self.storage_duration
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    pub fn purges_delivered(&self, purger: &'static str, number: usize) {
        let result = "delivered";
        self.purges
            .get_or_create(&Purges { purger, result })
            .inc_by(number as u64);
    }

    /// Counts one attempt, of however many purges.
    pub fn purge_failed(&self, purger: &'static str) {
        let result = "failed";
        self.purges.get_or_create(&Purges { purger, result }).inc();
    }

    /// The number of a listener's connections, counted by its accept loop.
    pub fn connections(&self, listener: &'static str) -> Gauge {
        self.connections
            .get_or_create(&Listener { listener })
            .clone()
    }

    /// All metrics as OpenMetrics; [`Exposition`] makes every other form from it.
    pub fn encode(&self) -> String {
        self.process.observe();
        let mut output = String::with_capacity(32 * 1024);
        text::encode(&mut output, &self.registry).expect("a String takes every write");
        output
    }
}

/// One series per route, so that a hit finds it without a lock.
fn of_routes(r: &mut Making<'_>) -> HashMap<&'static str, Counter> {
    let bytes: Family<Route, Counter> =
        r.with_unit("http_response", Unit::Bytes, "Response body bytes sent");
    let of_route = |&route: &&'static str| (route, bytes.get_or_create(&Route { route }).clone());
    ROUTES.iter().map(of_route).collect()
}

/// One series per site, so that each label is made once.
fn of_sites<'a>(sites: impl IntoIterator<Item = &'a str>, r: &mut Making<'_>) -> BySite<OfSite> {
    let answers: Family<SiteStatus, Counter> =
        r.add("site_requests", "Requests by site and status class");
    let bytes: Family<Site, Counter> = r.with_unit(
        "site_response",
        Unit::Bytes,
        "Response body bytes sent, by site",
    );
    let sites = sites.into_iter().take(MAX_SITES).chain([OTHER_SITES]);
    let of_site = |site: &str| {
        let classes = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];
        let answers = classes.map(|class| {
            let site = site.to_owned();
            match class {
                // There are no such responses.
                "0xx" | "1xx" => Counter::default(),
                class => answers.get_or_create(&SiteStatus { site, class }).clone(),
            }
        });
        let label = Site {
            site: site.to_owned(),
        };
        let bytes = bytes.get_or_create(&label).clone();
        (Arc::from(site), OfSite { answers, bytes })
    };
    sites.map(of_site).collect()
}

/// Creates a series.
fn begin<L, M, C>(family: &Family<L, M, C>, labels: L)
where
    L: Clone + std::hash::Hash + Eq,
    C: MetricConstructor<M>,
{
    drop(family.get_or_create(&labels));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Sets a counter that is counted elsewhere.
fn set(seconds: &Seconds, time: Duration) {
    let bits = time.as_secs_f64().to_bits();
    seconds.inner().store(bits, Relaxed);
}

/// Clients may send any method.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
