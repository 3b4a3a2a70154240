//! The life cycle of the service: open the stores, serve, drain, stop.

mod admin;
mod awaiting;
mod base_path;
mod gauges;
mod router;
pub mod stores;

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use tintype_imaging::limits::Limits;
use tintype_store::{Store, in_background};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::granted::Granted;
use crate::config::{Config, Resources};
use crate::error::Error;
use crate::http;
use crate::http::{Pace, Threads};
use crate::invalidation::outbox::{self, Outbox};
use crate::invalidation::purge;
use crate::invalidation::purgers;
use crate::originals::spool::{Spool, Unwritable};
use crate::records::Records;
use crate::records::blocks::{self, Blocks};
use crate::records::probing::Probing;
use crate::records::unfinished;
use crate::service::stores::{Stores, Unopened};
use crate::telemetry::access_log::{Observe, Observer};
use crate::telemetry::emf;
use crate::telemetry::log::Log;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::{self, LAST_WORDS, Tracer, Unsendable};
use crate::variants::response_cache::ResponseCache;
use crate::variants::{self, Variants};
use crate::workers::{self, Pool};
use admin::{CheckResult, Readiness, Ready};
use awaiting::{DeferredRouter, chain};
use base_path::BasePath;

/// The hot cache's memory divided by this is for headers rather than bytes.
const RESPONSE_SHARE: u64 = 16;
/// For load balancers and metrics collectors.
const ADMIN_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// All connections divided by this are for an API with a separate listener, so that readers cannot keep it out.
const API_SHARE: usize = 4;
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Less than a readiness check may take.
const STORE_ANSWERS: Duration = Duration::from_millis(1_500);

/// The sockets. The caller binds them, so that it can name one that is in use.
pub struct Listeners {
    pub public: TcpListener,
    pub admin: TcpListener,
    /// A separate listener for the API, if there is one.
    pub api: Option<TcpListener>,
}

/// Errors before the service could start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] Unopened),
    #[error("takedowns cannot be read, and nothing is served without them")]
    Blocks(#[source] Error),
    #[error(transparent)]
    Purgers(purgers::ClientError),
    #[error("TINTYPE_SPOOL_DIR: {0}; mount a writable folder there, or set another one")]
    Spool(Unwritable),
    #[error(transparent)]
    Telemetry(#[from] Unsendable),
    #[error("{what} cannot be set up")]
    System {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
}

impl StartError {
    /// Whether waiting may help: the store did not respond.
    fn may_pass(&self) -> bool {
        match self {
            Self::Store(unopened) => unopened.may_pass(),
            Self::Blocks(error) => error.is_store_away(),
            Self::Purgers(_) | Self::Spool(_) | Self::Telemetry(_) | Self::System { .. } => false,
        }
    }
}

impl App {
    /// Opens everything in the configuration, within the granted resources. Serves nothing yet.
    pub async fn open(
        config: Arc<Config>,
        granted: &Granted,
        metrics: Arc<Metrics>,
        tracer: Option<Arc<Tracer>>,
    ) -> Result<Arc<Self>, StartError> {
        let Stores { store, derived } = Stores::open(&config).await?;
        store.observe(observer(&metrics));
        if config.stores.derived_store.is_some() {
            derived.observe(observer(&metrics));
        }
        let resources = config.resources(granted);
        let response_bytes = resources.hot_cache_bytes / RESPONSE_SHARE;
        let pool = open_pool(&config, &resources)?;
        let spool_dir = config
            .uploads
            .spool_dir
            .clone()
            .or_else(|| store.spool_dir());
        let spool_dir = spool_dir.unwrap_or_else(std::env::temp_dir);
        let spool = match config.stores.read_only {
            true => Spool::untried(spool_dir, config.uploads.spool_bytes),
            false => {
                Spool::new(spool_dir, config.uploads.spool_bytes).map_err(StartError::Spool)?
            }
        };
        let imaging = imaging(&config);
        let probing = Arc::new(Probing::new(store.clone(), pool.clone(), imaging.clone()));
        let blocks = Blocks::load(store.clone())
            .await
            .map_err(StartError::Blocks)?;
        let settle = purge::settle_time(config.caching.record_cache);
        let timing = outbox::Timing::new(settle);
        let outbox = Outbox::open(store.clone(), &config.sites, metrics.clone(), timing)
            .await
            .map_err(StartError::Purgers)?;
        let (unfinished, receiver) = mpsc::channel(unfinished::MAX_WAITING);
        let parts = variants::Dependencies {
            store: store.clone(),
            derived: derived.clone(),
            pool: pool.clone(),
            imaging,
            config: config.clone(),
            metrics: metrics.clone(),
            tracer,
        };
        let hot_bytes = resources.hot_cache_bytes - response_bytes;
        let variants = Arc::new(Variants::new(parts, hot_bytes));
        let app = Arc::new(Self {
            records: Arc::new(Records::new(
                store.clone(),
                probing.clone(),
                config.caching.record_cache,
                unfinished,
            )),
            blocks,
            variants,
            response_cache: ResponseCache::new(response_bytes),
            outbox,
            metrics,
            config,
            resources,
            store,
            derived,
            probing,
            pool,
            spool,
        });
        tokio::spawn(unfinished::fill_in(Arc::downgrade(&app.records), receiver));
        if !app.config.stores.read_only {
            tokio::spawn(sweep_leftovers(Arc::downgrade(&app)));
        }
        Ok(app)
    }
}

/// Opens records without a service, for tools that write them. What is left out stays so until the tool calls
/// [`Records::fill_in`].
pub async fn open_records(
    config: &Config,
    granted: &Granted,
) -> Result<(Arc<Store>, Arc<Records>), StartError> {
    let store = Stores::open(config).await?.store;
    let pool = open_pool(config, &config.resources(granted))?;
    let probing = Arc::new(Probing::new(store.clone(), pool, imaging(config)));
    let (unfinished, _) = mpsc::channel(1);
    let records = Records::new(
        store.clone(),
        probing,
        config.caching.record_cache,
        unfinished,
    );
    Ok((store, Arc::new(records)))
}

fn open_pool(config: &Config, resources: &Resources) -> Result<Arc<Pool>, StartError> {
    let limits = workers::PoolLimits {
        threads: resources.workers,
        queue: config.work.queue,
        bytes: resources.pixel_bytes(),
        max_wait: config.work.queue_wait,
    };
    let pool = Pool::new(limits).map_err(|source| StartError::System {
        what: "the pixel pool",
        source,
    })?;
    Ok(Arc::new(pool))
}

fn imaging(config: &Config) -> Limits {
    Limits {
        max_pixels: config.pictures.max_pixels,
        max_declared_pixels: config.pictures.max_declared_pixels,
        ..Limits::default()
    }
}

fn observer(metrics: &Arc<Metrics>) -> tintype_store::Observer {
    let metrics = metrics.clone();
    Box::new(move |op, result, took| metrics.storage(op, result, took))
}

/// Called once the store is open.
pub type OnOpened<'a> = Box<dyn FnOnce(&Config) + Send + 'a>;

/// Opens everything and serves until `stop`, then drains. Returns how many connections had to be cut off.
///
/// Boxed, or all futures that the service awaits would be compiled again in the binary that awaits it.
pub fn serve<'a>(
    config: Config,
    granted: &'a Granted,
    listeners: Listeners,
    log: Log,
    stop: CancellationToken,
    opened: OnOpened<'a>,
) -> BoxFuture<'a, Result<usize, StartError>> {
    Box::pin(run(config, granted, listeners, log, stop, opened))
}

async fn run(
    config: Config,
    granted: &Granted,
    listeners: Listeners,
    log: Log,
    stop: CancellationToken,
    opened: OnOpened<'_>,
) -> Result<usize, StartError> {
    let connections = config.resources(granted).connections.get();
    let of_api = match listeners.api {
        Some(_) => (connections / API_SHARE).max(1),
        None => 0,
    };
    let count = |connections| NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN);
    let settings = http::Settings {
        header_timeout: config.connections.header_timeout,
        idle_timeout: config.connections.idle_timeout,
        body: Pace::new(
            config.connections.body_min_rate,
            config.connections.body_timeout,
        ),
        write: Pace::new(
            config.connections.write_min_rate,
            config.connections.write_timeout,
        ),
        max_connections: count(connections),
        lame_duck: config.stopping.lame_duck,
        drain: config.stopping.drain,
    };
    let sites = config.sites.iter().map(|site| site.name.as_str());
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), sites));
    let config = Arc::new(config);
    let tracer = otlp::tracer(&config.otel)?;
    let observer = Arc::new(Observer::new(
        metrics.clone(),
        log.clone(),
        config.logging.access_log,
        tracer.clone(),
    ));
    let running: Arc<OnceLock<Arc<App>>> = Arc::default();
    let readiness = {
        let running = running.clone();
        Arc::new(Readiness::new(move || health(running.get().cloned())))
    };
    let scrape = {
        let (running, metrics) = (running.clone(), metrics.clone());
        let (log, readiness) = (log.clone(), readiness.clone());
        move || {
            metrics.observe_draining(readiness.is_draining());
            metrics.observe_log(log.dropped());
            if let Some(app) = running.get() {
                gauges::observe(app);
            }
            metrics.encode()
        }
    };
    let machines = admin::router(readiness.clone(), scrape.clone());
    let (public, api) = (DeferredRouter::default(), DeferredRouter::default());

    let draining = {
        let (readiness, stop) = (readiness.clone(), stop.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            readiness.set_draining();
        })
    };
    // Health is reported until the last response.
    let last = CancellationToken::new();
    let at_once = http::Settings {
        max_connections: ADMIN_CONNECTIONS,
        lame_duck: Duration::ZERO,
        drain: Duration::from_secs(1),
        ..settings
    };
    let machines = tokio::spawn(http::serve(
        listeners.admin,
        machines,
        at_once,
        // Whatever readers do, health is reported.
        Arc::new(Threads::shared()),
        metrics.connections("admin"),
        last.clone(),
    ));
    // Telemetry of the last request still has to be written.
    let pushing = tokio::spawn(push_telemetry(config.clone(), log, scrape, last.clone()));
    let threads =
        Threads::start(granted.cpus.value.get()).map_err(|source| StartError::System {
            what: "the threads for connections",
            source,
        })?;
    let threads = Arc::new(threads);
    let shared = listeners.api.is_none();
    let serve = |listener, late: &DeferredRouter, name, connections| {
        let open = metrics.connections(name);
        let service = BasePath::new(Observe::new(late.clone(), observer.clone()), &config.sites);
        let settings = http::Settings {
            max_connections: count(connections),
            ..settings
        };
        let threads = threads.clone();
        tokio::spawn(http::serve(
            listener,
            service,
            settings,
            threads,
            open,
            stop.clone(),
        ))
    };
    let of_public = connections - of_api;
    let serving = [
        Some(serve(listeners.public, &public, "public", of_public)),
        listeners
            .api
            .map(|listener| serve(listener, &api, "api", of_api)),
    ];

    let opening = awaiting::open(config, granted, metrics.clone(), tracer.clone(), &readiness);
    let refreshing = tokio::select! {
        () = stop.cancelled() => None,
        app = opening => {
            let app = app?;
            public.set(router::public(app.clone(), shared));
            api.set(router::api_alone(app.clone()));
            opened(&app.config);
            // Everything has just been checked.
            readiness.believe(Ok(ready(&app, Vec::new())));
            let _ = running.set(app.clone());
            readiness.set_started();
            Some(tokio::spawn(refresh_blocks(app, stop.clone())))
        }
    };
    let mut cut = 0;
    for listener in serving.into_iter().flatten() {
        cut += listener.await.map_or(0, |drained| drained.cut);
    }
    last.cancel();
    let last_spans = tracer.map(|tracer| off_threads(move || tracer.shut_down(LAST_WORDS)));
    let _ = machines.await;
    let _ = pushing.await;
    if let Some(last_spans) = last_spans {
        let _ = last_spans.await;
    }
    draining.abort();
    if let Some(refreshing) = refreshing {
        refreshing.abort();
    }
    Ok(cut)
}

/// Writes periodic telemetry until `stop`.
async fn push_telemetry(
    config: Arc<Config>,
    log: Log,
    scrape: impl Fn() -> String,
    stop: CancellationToken,
) {
    let lines = async {
        if config.logging.emf {
            emf::write(&config.otel.service, &log, &scrape, stop.clone()).await;
        }
    };
    let pushes = async {
        let pushed = otlp::push_metrics(&config.otel, &scrape, stop.clone()).await;
        if let Err(error) = pushed {
            tracing::error!("{error}");
        }
    };
    tokio::join!(lines, pushes);
}

async fn health(app: Option<Arc<App>>) -> CheckResult {
    // Only called once the service has started.
    let app = app.ok_or_else(Vec::new)?;
    // In time to be a reason: if the whole check takes too long, the service counts as not ready.
    let reason = match tokio::time::timeout(STORE_ANSWERS, app.store.check()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("the store does not respond: {}", chain(&error))),
        Err(_) => Some("the store does not respond in time".to_owned()),
    };
    match reason {
        Some(reason) if !app.store.is_shared() => Err(vec![reason]),
        reason => {
            let unwritable = match app.config.stores.read_only {
                true => Vec::new(),
                false => unwritable(&app).await,
            };
            let reasons = reason.into_iter().chain(unwritable);
            Ok(ready(&app, reasons.collect()))
        }
    }
}

/// What keeps uploads and changes from being accepted; reads work all the same.
async fn unwritable(app: &App) -> Vec<String> {
    let spool = app.spool.clone();
    let spool = off_threads(move || spool.check());
    let is_second = !Arc::ptr_eq(&app.store, &app.derived);
    let stores = [
        ("the store", Some(&app.store)),
        (
            "the store for variants",
            Some(&app.derived).filter(|_| is_second),
        ),
    ];
    let mut reasons = Vec::new();
    for (name, store) in stores {
        let Some(store) = store else { continue };
        if let Err(error) = store.check_writes().await {
            reasons.push(format!("{name} cannot be written to: {}", chain(&error)));
        }
    }
    if let Ok(Err(unwritable)) = spool.await {
        reasons.push(format!("uploads cannot be accepted: {unwritable}"));
    }
    reasons
}

fn ready(app: &App, reasons: Vec<String>) -> Ready {
    let warnings = app.config.warnings(SystemTime::now()).into_iter();
    Ready {
        degraded: reasons.into_iter().chain(app.outbox.failing()).collect(),
        warnings: warnings
            .map(|warning| warning.to_string())
            .chain(app.store.warnings())
            .collect(),
    }
}

/// Removes leftovers of processes that died, at intervals. The first sweep was done at the start.
async fn sweep_leftovers(app: Weak<App>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(app) = app.upgrade() else { return };
        let spool = app.spool.clone();
        let swept = off_threads(move || spool.sweep()).await;
        if let Err(error) = swept.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::warn!(%error, "leftovers in the spool cannot be removed");
        }
        if let Err(error) = in_background(app.store.sweep_leftovers()).await {
            tracing::warn!(%error, "temporary files of the store cannot be removed");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a few file operations; pixel work has its own pool"
)]
fn off_threads<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(job)
}

async fn refresh_blocks(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(blocks::PAUSE) => {}
        }
        if let Err(error) = in_background(app.blocks.refresh()).await {
            tracing::warn!(%error, "takedowns by other replicas cannot be read");
        }
    }
}
