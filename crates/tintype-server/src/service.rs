//! The life of the service: open the stores, serve, drain, stop.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tintype_imaging::limits::Limits;
use tintype_store::Store;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::access_log::{AccessLog, Observe, Observer};
use crate::app::App;
use crate::blocks::{self, Blocks};
use crate::config::{Config, Resources};
use crate::error::Error;
use crate::granted::Granted;
use crate::http::Pace;
use crate::left_out;
use crate::metrics::Metrics;
use crate::outbox::{self, Outbox};
use crate::probing::Probing;
use crate::purge;
use crate::purgers;
use crate::records::Records;
use crate::routes::admin::{self, Outcome, Readiness, Ready};
use crate::routes::delivery::PreparedAnswers;
use crate::spool::Spool;
use crate::stores::{Stores, Unopened};
use crate::variants::Variants;
use crate::workers::{self, Pool};
use crate::{http, router};

/// The part of the hot cache's memory that goes to headers rather than bytes.
const PREPARED_SHARE: u64 = 16;
/// Balancers and whoever collects metrics.
const ADMIN_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// The part of all connections that an API with a listener of its own gets, so that readers cannot
/// keep it out.
const API_SHARE: usize = 4;

/// Less than a check of readiness may take.
const STORE_ANSWERS: Duration = Duration::from_millis(1_500);

/// The sockets. The caller binds them, so that it can say which one was taken.
pub struct Listeners {
    pub public: TcpListener,
    pub admin: TcpListener,
    /// The API's own, where it is not on the public one.
    pub api: Option<TcpListener>,
}

/// What went wrong before the service could begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] Unopened),
    #[error("the takedowns cannot be read, and without them nothing is served")]
    Blocks(#[source] Error),
    #[error(transparent)]
    Purgers(purgers::Unfit),
    #[error("{what} cannot be set up")]
    System {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
}

impl App {
    /// Opens everything that the configuration names, within what is granted. Nothing is served yet.
    pub async fn open(config: Config, granted: &Granted) -> Result<Arc<Self>, StartError> {
        let system = |what| move |source| StartError::System { what, source };
        let Stores { store, derived } = Stores::open(&config).await?;
        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
        store.observe(observer(&metrics));
        if config.derived_store.is_some() {
            derived.observe(observer(&metrics));
        }
        let resources = config.resources(granted);
        let prepared_bytes = resources.hot_cache_bytes / PREPARED_SHARE;
        let pool = open_pool(&config, &resources)?;
        let spool_dir = config.spool_dir.clone().or_else(|| store.spool_dir());
        let spool_dir = spool_dir.unwrap_or_else(std::env::temp_dir);
        let spool = Spool::new(spool_dir, config.spool_bytes)
            .map_err(system("the spool folder (TINTYPE_SPOOL_DIR)"))?;
        let imaging = imaging(&config);
        let probing = Arc::new(Probing::new(store.clone(), pool.clone(), imaging.clone()));
        let blocks = Blocks::load(store.clone())
            .await
            .map_err(StartError::Blocks)?;
        let settle = purge::settle(config.record_cache);
        let timing = outbox::Timing::new(settle);
        let outbox = Outbox::open(store.clone(), &config.sites, metrics.clone(), timing)
            .await
            .map_err(StartError::Purgers)?;
        let (unfinished, left_out) = mpsc::channel(left_out::MAX_WAITING);
        let app = Arc::new(Self {
            records: Records::new(
                store.clone(),
                probing.clone(),
                config.record_cache,
                unfinished,
            ),
            blocks,
            variants: Variants::new(resources.hot_cache_bytes - prepared_bytes),
            prepared: PreparedAnswers::new(prepared_bytes),
            outbox,
            metrics,
            config,
            resources,
            store,
            derived,
            probing,
            pool,
            spool,
            imaging,
        });
        tokio::spawn(left_out::fill_in(Arc::downgrade(&app), left_out));
        Ok(app)
    }
}

/// Records without a service, for a tool that makes them. What is left out stays left out until it
/// calls [`Records::fill_in`].
pub async fn open_records(
    config: &Config,
    granted: &Granted,
) -> Result<(Arc<Store>, Records), StartError> {
    let store = Stores::open(config).await?.store;
    let pool = open_pool(config, &config.resources(granted))?;
    let probing = Arc::new(Probing::new(store.clone(), pool, imaging(config)));
    let (unfinished, _) = mpsc::channel(1);
    let records = Records::new(store.clone(), probing, config.record_cache, unfinished);
    Ok((store, records))
}

fn open_pool(config: &Config, resources: &Resources) -> Result<Arc<Pool>, StartError> {
    let limits = workers::Limits {
        threads: resources.workers,
        queue: config.queue,
        bytes: resources.pixel_bytes(),
        max_wait: config.queue_wait,
    };
    let pool = Pool::new(limits).map_err(|source| StartError::System {
        what: "the pixel pool",
        source,
    })?;
    Ok(Arc::new(pool))
}

fn imaging(config: &Config) -> Limits {
    Limits {
        max_pixels: config.max_pixels,
        ..Limits::default()
    }
}

fn observer(metrics: &Arc<Metrics>) -> tintype_store::Observer {
    let metrics = metrics.clone();
    Box::new(move |op, result, took| metrics.storage(op, result, took))
}

/// Serves until `stop`, then drains. Gives how many connections had to be cut.
pub async fn serve(
    app: Arc<App>,
    listeners: Listeners,
    log: AccessLog,
    stop: CancellationToken,
) -> usize {
    let config = &app.config;
    let connections = app.resources.connections.get();
    let of_api = match listeners.api {
        Some(_) => (connections / API_SHARE).max(1),
        None => 0,
    };
    let count = |connections| NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN);
    let settings = http::Settings {
        header_timeout: config.header_timeout,
        idle_timeout: config.idle_timeout,
        body: Pace::new(config.body_min_rate, config.body_timeout),
        write: Pace::new(config.write_min_rate, config.write_timeout),
        max_connections: count(connections - of_api),
        lame_duck: config.lame_duck,
        drain: config.drain,
    };
    let observer = Arc::new(Observer {
        metrics: app.metrics.clone(),
        log,
    });
    let readiness = {
        let app = app.clone();
        Arc::new(Readiness::new(move || health(app.clone())))
    };
    let gauges = {
        let (app, observer) = (app.clone(), observer.clone());
        move || {
            app.metrics.observe_pool(&app.pool);
            app.metrics.observe_log(observer.log.dropped());
            app.metrics.observe_outbox(&app.outbox);
            app.metrics.observe_stores(&app.store, &app.derived);
            app.metrics.encode()
        }
    };
    let machines = admin::router(readiness.clone(), gauges);

    let shared = listeners.api.is_none();
    let public = Observe::new(router::public(app.clone(), shared), observer.clone());
    let api = Observe::new(router::api(app.clone()), observer);
    let refreshing = tokio::spawn(refresh_blocks(app.clone(), stop.clone()));
    readiness.set_started();
    let draining = {
        let (readiness, stop) = (readiness.clone(), stop.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            readiness.set_draining();
        })
    };
    // Health is told until the last request is answered.
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
        last.clone(),
    ));
    let of_api = http::Settings {
        max_connections: count(of_api),
        ..settings
    };
    let api = listeners
        .api
        .map(|listener| tokio::spawn(http::serve(listener, api, of_api, stop.clone())));
    let drained = http::serve(listeners.public, public, settings, stop).await;
    let mut cut = drained.cut;
    if let Some(api) = api {
        cut += api.await.map_or(0, |drained| drained.cut);
    }
    last.cancel();
    let _ = machines.await;
    draining.abort();
    refreshing.abort();
    cut
}

async fn health(app: Arc<App>) -> Outcome {
    // In time to be a reason: a check that takes too long as a whole makes the service unready.
    let reason = match tokio::time::timeout(STORE_ANSWERS, app.store.check()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("the store does not answer: {error}")),
        Err(_) => Some("the store does not answer in time".to_owned()),
    };
    match reason {
        Some(reason) if !app.store.is_shared() => Err(vec![reason]),
        reason => Ok(Ready {
            degraded: reason.into_iter().chain(app.outbox.ailing()).collect(),
            warnings: app.store.warnings(),
        }),
    }
}

async fn refresh_blocks(app: Arc<App>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(blocks::REFRESH) => {}
        }
        if let Err(error) = app.blocks.refresh().await {
            tracing::warn!(%error, "takedowns of other replicas cannot be read");
        }
    }
}
