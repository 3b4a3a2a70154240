//! `tintype serve`: the service itself.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context;
use clap::Args;
use tintype_imaging::render::AVIF_ENCODER;
use tintype_server::access_log::AccessLog;
use tintype_server::app::App;
use tintype_server::config::{Config, DEV_TOKEN, Dev, random_secret};
use tintype_server::granted::Granted;
use tintype_server::service::{self, Listeners};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{fit, load};
use crate::failure::Failure;

/// Serve thumbnails and originals, and take uploads.
///
/// Logs one line of JSON a request on standard output. SIGTERM and SIGINT stop it: it says that it
/// is not ready any more, serves on while balancers notice, finishes what is under way and ends
/// with 0. A second signal ends it at once, with 1.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype serve --dev                  everything on loopback, files in ./media, token `dev`
  tintype serve --dev --root /tmp/m    the same with files somewhere else
  TINTYPE_STORE=file:///srv/media TINTYPE_SIGNING_KEYS=… TINTYPE_TOKENS=… tintype serve")]
pub(crate) struct Arguments {
    /// Fill in what is not set: loopback, unsigned addresses, a disk store, the token `dev`
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
        let filter = EnvFilter::try_new(&config.log)
            .map_err(|error| Failure::Usage(format!("TINTYPE_LOG: {error}")))?;
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(filter)
            .init();
        let granted = Granted::detect(config.task_metadata.as_deref());
        if let Some(reason) = &granted.unread {
            tracing::warn!(reason, "the limits of the task are not known");
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
        runtime.block_on(serve(config, &granted, dev.is_some(), token))
    }
}

async fn serve(
    config: Config,
    granted: &Granted,
    dev: bool,
    token: Option<String>,
) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listeners = Listeners {
        public: bind("TINTYPE_BIND", config.bind).await?,
        admin: bind("TINTYPE_ADMIN_BIND", config.admin_bind).await?,
        api: match config.api_bind {
            Some(address) => Some(bind("TINTYPE_API_BIND", address).await?),
            None => None,
        },
    };
    let greeting = greeting(
        &config,
        &listeners,
        dev.then(|| token.as_deref().unwrap_or(DEV_TOKEN)),
    )?;

    let farewell = farewell(&config);
    let stop = CancellationToken::new();
    let log = AccessLog::stdout()?;
    // Nobody may be reading it.
    let greet = |app: &App| {
        tracing::info!(
            memory_budget = app.resources.memory_budget,
            largest_megapixels = app.resources.largest(app.config.max_pixels),
            "pictures that are larger than these do not fit into memory"
        );
        let _ = std::io::stderr().lock().write_all(greeting.as_bytes());
    };
    let serving = service::serve(config, granted, listeners, log, stop.clone(), greet);
    let mut serving = std::pin::pin!(serving);
    let stopped = async {
        tokio::select! { _ = terminate.recv() => false, _ = interrupt.recv() => true }
    };
    let cut = tokio::select! {
        cut = &mut serving => cut?,
        is_by_hand = stopped => {
            tracing::info!("stopping: not ready any more, finishing what is under way");
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
    tracing::info!(connections_cut = cut, "stopped");
    Ok(())
}

async fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    Ok(listener.with_context(|| format!("{name}: {address} cannot be bound; choose another"))?)
}

/// For whoever pressed Ctrl-C and still sees it run.
fn farewell(config: &Config) -> String {
    let longest = config.lame_duck.saturating_add(config.drain).as_secs();
    let lame_duck = match config.lame_duck.as_secs() {
        0 => String::new(),
        seconds => format!("serving on for {seconds} s until balancers have noticed, then "),
    };
    format!(
        "Stopping: {lame_duck}finishing what is under way, {longest} s at most. Ctrl-C once more stops at once."
    )
}

/// On standard error, for whoever started this by hand; the log is for machines.
fn greeting(
    config: &Config,
    listeners: &Listeners,
    token: Option<&str>,
) -> Result<String, Failure> {
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
    if let Some(token) = token {
        writeln!(out)?;
        writeln!(
            out,
            "  upload     curl -T photo.jpg -H 'Authorization: Bearer {token}' http://{api}/api/v1/files/photo.jpg"
        )?;
        writeln!(out, "  thumbnail  http://{public}/t/photo.jpg/w_640")?;
        writeln!(out, "  original   http://{public}/o/photo.jpg")?;
        writeln!(out, "  API        http://{api}/api/v1/openapi.json")?;
        writeln!(out, "  health     http://{admin}/readyz and /metrics")?;
        writeln!(out, "  files      {}", config.store)?;
        writeln!(out)?;
        writeln!(
            out,
            "For development: anybody who reaches this address may ask for any picture."
        )?;
    }
    Ok(out)
}
