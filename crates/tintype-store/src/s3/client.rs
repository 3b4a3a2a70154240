//! The SDK's client: endpoint, credentials, timeouts and retries.

use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Credentials, Intercept, ProvideCredentials, Region,
    RequestChecksumCalculation, RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_types::service_config::ServiceConfigKey;

use super::operation::Operation;
use crate::url::{S3Access, S3Settings};
use crate::{Counts, Error};

const CONNECT: Duration = Duration::from_secs(1);
/// One attempt of a small request, until the headers of its response.
const ATTEMPT: Duration = Duration::from_millis(1_000);
/// All attempts of a small request: the service has to send a 503 within 2.5 seconds.
const OPERATION: Duration = Duration::from_millis(1_900);
/// One attempt of a listing.
const LISTING: Duration = Duration::from_secs(5);
/// A copy or a completion moves bytes within S3, which takes time without visible progress.
const SERVER_SIDE: Duration = Duration::from_secs(60);

const ATTEMPTS: u32 = 3;
/// Doubled with every retry; the pause is random between nothing and this.
const BACKOFF: Duration = Duration::from_millis(50);
const MOST_BACKOFF: Duration = Duration::from_millis(500);
/// Budget of retries: each costs 5, or 10 after a timeout.
const RETRY_TOKENS: usize = 250;

pub(super) struct Connection {
    pub(super) client: Client,
    /// For messages.
    pub(super) endpoint: String,
    pub(super) region: String,
    /// Whether the endpoint was configured rather than AWS's own.
    pub(super) custom: bool,
    /// `Content-MD5` instead of the newer checksums, for servers that refuse those.
    pub(super) md5: bool,
}

pub(super) async fn connect(
    settings: &S3Settings,
    counts: Arc<Counts>,
) -> Result<Connection, Error> {
    let (builder, endpoint, region, md5) = match &settings.access {
        Some(access) => from_access(access),
        None => from_environment().await?,
    };
    let custom = endpoint.is_some();
    let config = builder
        // Bucket names in the host name work on AWS; other servers rarely have them.
        .force_path_style(custom)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(BACKOFF)
                .with_max_backoff(MOST_BACKOFF),
        )
        .retry_partition(
            RetryPartition::custom("tintype-store")
                .token_bucket(TokenBucket::builder().capacity(RETRY_TOKENS).build())
                .build(),
        )
        .timeout_config(small())
        // We watch bodies ourselves, with our own limits.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(Counting(counts))
        .build();
    Ok(Connection {
        client: Client::from_conf(config),
        endpoint: endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com")),
        region,
        custom,
        md5,
    })
}

type Resolved = (Builder, Option<String>, String, bool);

fn from_access(access: &S3Access) -> Resolved {
    let credentials = Credentials::new(
        &access.access_key,
        &access.secret_key,
        None,
        None,
        "configuration",
    );
    let builder = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&access.endpoint)
        .region(Region::new(access.region.clone()))
        .credentials_provider(credentials);
    let endpoint = Some(access.endpoint.clone());
    (builder, endpoint, access.region.clone(), false)
}

/// Resolved from AWS's own variables, files and metadata services.
async fn from_environment() -> Result<Resolved, Error> {
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let endpoint = endpoint(&config);
    let region = match config.region() {
        Some(region) => region.to_string(),
        // Most servers other than AWS ignore it; one that does not says so.
        None if endpoint.is_some() => "us-east-1".to_owned(),
        None => {
            return Err(Error::Misconfigured {
                problem: "the region of the bucket is unknown".into(),
                fix: "set AWS_REGION".into(),
                passing: false,
            });
        }
    };
    if let Some(provider) = config.credentials_provider()
        && let Err(error) = provider.provide_credentials().await
    {
        return Err(Error::Misconfigured {
            problem: format!("no credentials for S3: {}", super::failure::causes(&error)),
            fix: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the task a role".into(),
            passing: false,
        });
    }
    let md5 =
        config.request_checksum_calculation() == Some(RequestChecksumCalculation::WhenRequired);
    let builder = Builder::from(&config).region(Region::new(region.clone()));
    Ok((builder, endpoint, region, md5))
}

/// As the SDK resolves it: the variable for S3 takes precedence over the one for all services.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let own = config.service_config().and_then(|services| {
        let key = ServiceConfigKey::builder()
            .service_id("S3")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        services.load_config(key.ok()?)
    });
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

fn small() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// For a listing: it takes a server longer than reading an object, and no response waits for it. [`super::health`]
/// finds an outage sooner.
pub(super) fn listing() -> Builder {
    Builder::new().timeout_config(
        TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(LISTING)
            .operation_timeout(LISTING * 2)
            .build(),
    )
}

/// For a request whose bytes are watched by [`super::payload::Progress`].
pub(super) fn watched() -> Builder {
    Builder::new().timeout_config(
        TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .disable_operation_attempt_timeout()
            .disable_operation_timeout()
            .build(),
    )
}

/// For a request that keeps the server busy.
pub(super) fn server_side() -> Builder {
    Builder::new().timeout_config(
        TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(SERVER_SIDE)
            .operation_timeout(SERVER_SIDE * 2)
            .build(),
    )
}

/// Counts requests as they are sent, including retries and hedged requests.
#[derive(Debug)]
struct Counting(Arc<Counts>);

impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = config.load::<Metadata>().map(|metadata| metadata.name());
        if let Some(operation) = name.and_then(Operation::named) {
            operation.count(&self.0);
        }
        if config
            .load::<RequestAttempts>()
            .is_some_and(|attempts| attempts.attempts() > 1)
        {
            self.0.retry();
        }
        Ok(())
    }
}
