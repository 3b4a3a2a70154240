//! `tintype serve`: the service itself.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context;
use clap::Args;
use tintype_imaging::render::AVIF_ENCODER;
use tintype_server::config::granted::Granted;
use tintype_server::config::{Config, DEV_TOKEN, Dev, random_secret};
use tintype_server::service::{self, Listeners};
use tintype_server::telemetry::log::{Events, Log, LogWriter, report_panics};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::sizes::Sizes;
use super::{fit, load};
use crate::failure::Failure;

/// Serve thumbnails and originals, and accept uploads.
///
/// Logs to standard output, one line of JSON per request or event. SIGTERM and SIGINT stop it: it reports that it
/// is not ready any more, keeps serving while load balancers notice, finishes running requests and exits with 0. A
/// second signal ends it at once, with 1.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype serve --dev                  everything on loopback, files in ./media, token `dev`
  tintype serve --dev --root /tmp/m    the same with files somewhere else
  TINTYPE_STORE=file:///srv/media TINTYPE_SIGNING_KEYS=… TINTYPE_TOKENS=… tintype serve")]
pub(crate) struct Arguments {
    /// Fill in what is not set: loopback, unsigned URLs, a disk store, the token `dev`
    #[arg(long)]
    dev: bool,
    /// With --dev: the folder for originals
    #[arg(long, requires = "dev", value_name = "DIR")]
    root: Option<PathBuf>,
    /// With --dev: also on an address that others can reach, with a random token
    #[arg(long, requires = "dev")]
    dev_anywhere: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let anywhere = if self.dev_anywhere {
            Some(random_secret()?)
        } else {
            None
        };
        let token = anywhere
            .as_ref()
            .map(|secret| format!("tt_dev-anywhere_{secret}"));
        let dev = self.dev.then_some(Dev {
            root: self.root,
            anywhere,
        });
        let mut config = load(dev.as_ref())?.config;
        let filter = EnvFilter::try_new(&config.logging.log)
            .map_err(|error| Failure::Usage(format!("TINTYPE_LOG: {error}")))?;
        // Dropped last: it writes the rest.
        let writer = LogWriter::stdout()?;
        let events = Events::to(writer.log());
        tracing_subscriber::registry()
            .with(filter)
            .with(events)
            .init();
        report_panics();
        let granted = Granted::detect(config.task_metadata.as_deref());
        if let Some(reason) = &granted.unread {
            tracing::warn!(reason, "the limits of the task are unknown");
        }
        fit(&mut config, &granted)?;
        for warning in config.warnings(SystemTime::now()) {
            tracing::warn!(option = warning.name, "{warning}");
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(granted.cpus.value.get())
            .enable_all()
            .build()
            .context("the runtime cannot be set up")?;
        let log = writer.log();
        let served = runtime.block_on(serve(config, &granted, dev.is_some(), token, log));
        served.inspect_err(|failure| {
            for text in failure.texts() {
                tracing::error!(event = "failed", "{text}");
            }
        })
    }
}

async fn serve(
    config: Config,
    granted: &Granted,
    dev: bool,
    token: Option<String>,
    log: Log,
) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listeners = Listeners {
        public: bind("TINTYPE_BIND", config.addresses.bind).await?,
        admin: bind("TINTYPE_ADMIN_BIND", config.addresses.admin_bind).await?,
        api: match config.addresses.api_bind {
            Some(address) => Some(bind("TINTYPE_API_BIND", address).await?),
            None => None,
        },
    };
    // For interactive use. In a container, standard error is read by machines as well.
    let greeting = match dev {
        true => greeting(&config, &listeners, token.as_deref().unwrap_or(DEV_TOKEN))?,
        false => String::new(),
    };
    let public = listeners.public.local_addr()?;

    let farewell = farewell(&config);
    let stop = CancellationToken::new();
    let greet = Box::new(|config: &Config| {
        log_start(config, granted, public);
        // Standard error may be closed.
        let _ = std::io::stderr().lock().write_all(greeting.as_bytes());
    });
    let mut serving = service::serve(config, granted, listeners, log, stop.clone(), greet);
    let stopped = async {
        tokio::select! { _ = terminate.recv() => false, _ = interrupt.recv() => true }
    };
    let cut = tokio::select! {
        cut = &mut serving => cut?,
        is_by_hand = stopped => {
            tracing::info!(event = "stopping", "stopping: not ready any more, finishing running requests");
            stop.cancel();
            if is_by_hand {
                let _ = writeln!(std::io::stderr().lock(), "{farewell}");
            }
            tokio::select! {
                cut = &mut serving => cut?,
                _ = terminate.recv() => return Err(anyhow::anyhow!("stopped by a second signal").into()),
                _ = interrupt.recv() => return Err(anyhow::anyhow!("stopped by a second signal").into()),
            }
        }
    };
    tracing::info!(event = "stopped", connections_cut = cut, "stopped");
    Ok(())
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    Ok(listener.with_context(|| format!("{name}: {address} cannot be bound; choose another"))?)
}

/// Shown after Ctrl-C, while the service is still running.
fn farewell(config: &Config) -> String {
    let longest = config
        .stopping
        .lame_duck
        .saturating_add(config.stopping.drain)
        .as_secs();
    let lame_duck = match config.stopping.lame_duck.as_secs() {
        0 => String::new(),
        seconds => format!("serving for {seconds} s more until load balancers have noticed, then "),
    };
    format!(
        "Stopping: {lame_duck}finishing running requests, {longest} s at most. Press Ctrl-C again to stop at once."
    )
}

/// Logs the version, the sizes, and their sources.
fn log_start(config: &Config, granted: &Granted, public: SocketAddr) {
    let Sizes {
        cpus,
        memory,
        workers,
        memory_budget,
        hot_cache_bytes,
        max_connections,
        largest,
    } = Sizes::of(config, granted);
    const SET: &str = "as configured";
    let version = env!("CARGO_PKG_VERSION");
    let memory = memory.as_ref();
    tracing::info!(
        event = "started",
        version,
        avif = %AVIF_ENCODER,
        address = %public,
        store = %config.stores.store,
        cpus = cpus.value,
        cpus_from = cpus.from(SET),
        memory_bytes = memory.map(|memory| memory.value),
        memory_from = memory.map(|memory| memory.from(SET)),
        workers = workers.value,
        workers_from = workers.from(SET),
        memory_budget_bytes = memory_budget.value,
        memory_budget_from = memory_budget.from(SET),
        hot_cache_bytes = hot_cache_bytes.value,
        hot_cache_from = hot_cache_bytes.from(SET),
        connections = max_connections.value,
        connections_from = max_connections.from(SET),
        spool_bytes = config.uploads.spool_bytes,
        largest_megapixels = largest,
        traces_to = config.otel.traces.as_ref().map(|signal| &*signal.endpoint),
        metrics_to = config.otel.metrics.as_ref().map(|signal| &*signal.endpoint),
        "tintype {version} on {public}; images of more than largest_megapixels do not fit into memory"
    );
}

fn greeting(config: &Config, listeners: &Listeners, token: &str) -> Result<String, Failure> {
    let public = listeners.public.local_addr()?;
    let admin = listeners.admin.local_addr()?;
    let api = listeners
        .api
        .as_ref()
        .map_or(Ok(public), TcpListener::local_addr)?;
    let mut out = String::new();
    writeln!(
        out,
        "tintype {} on http://{public}, AVIF by {AVIF_ENCODER}",
        env!("CARGO_PKG_VERSION")
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "  upload     curl -T photo.jpg -H 'Authorization: Bearer {token}' http://{api}/api/v1/files/photo.jpg"
    )?;
    writeln!(out, "  thumbnail  http://{public}/t/photo.jpg/w_640")?;
    writeln!(out, "  original   http://{public}/o/photo.jpg")?;
    writeln!(out, "  API        http://{api}/api/v1/openapi.json")?;
    writeln!(out, "  reference  http://{public}/ with a playground")?;
    writeln!(out, "  health     http://{admin}/readyz and /metrics")?;
    writeln!(out, "  files      {}", config.stores.store)?;
    writeln!(out)?;
    writeln!(
        out,
        "For development: anybody who can reach this address may request any image."
    )?;
    Ok(out)
}
