//! Opens a bucket: whether it exists, is accessible, and what it can do. Each error names the variable that fixes
//! it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::bucket::Bucket;
use super::client::{self, Connection};
use super::enforced::{Enforced, LazyAbilities};
use super::failure::{Failure, FailureKind};
use super::health::Health;
use super::hedge::Hedges;
use super::locks::Locks;
use super::multipart;
use super::operation::Operation;
use super::probe::Probe;
use super::trial;
use crate::url::S3Settings;
use crate::{Counts, Error};

/// Opens the bucket; also returns warnings for an operator.
pub(super) async fn open(
    settings: &S3Settings,
    writable: bool,
) -> Result<(Bucket, Vec<String>), Error> {
    let counts = Arc::new(Counts::default());
    let connection = client::connect(settings, counts.clone()).await?;
    let location = match settings.location.as_str() {
        "" => String::new(),
        location => format!("{location}/"),
    };
    let probe = Probe::new(connection.client.clone(), &settings.bucket, &location);
    let mut bucket = Bucket {
        client: connection.client.clone(),
        name: settings.bucket.clone(),
        endpoint: connection.endpoint.clone(),
        location,
        md5: connection.md5,
        writing: settings.writing.clone(),
        enforced: Enforced::ALL,
        late: LazyAbilities::default(),
        health: Arc::new(Health::new(probe, counts.clone())),
        counts,
        hedges: Hedges::default(),
        locks: Locks::default(),
        parts: Semaphore::new(multipart::PARTS_IN_FLIGHT),
    };
    let diagnose = |failure| diagnose(&failure, settings, &connection);
    bucket.check_access().await.map_err(diagnose)?;
    if !writable {
        return Ok((bucket, Vec::new()));
    }
    let (enforced, warnings) = trial::opening(&bucket).await.map_err(diagnose)?;
    bucket.enforced = enforced;
    Ok((bucket, warnings))
}

impl Bucket {
    /// Whether the bucket exists and is accessible. A listing, because its error has a body that says why.
    async fn check_access(&self) -> Result<(), Failure> {
        let request = self.client.list_objects_v2().bucket(&self.name);
        let request = request.prefix(&self.location).max_keys(1);
        let operation = Operation::ListObjectsV2;
        let listing = self.call(operation, &self.location, request.send());
        listing.await.map(|_| ())
    }

    /// Whether reads work.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        self.health.check().await
    }
}

fn diagnose(failure: &Failure, settings: &S3Settings, connection: &Connection) -> Error {
    let Connection {
        endpoint,
        region,
        custom,
        ..
    } = connection;
    let bucket = &settings.bucket;
    let place = if *custom {
        "check AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3)"
    } else {
        "check AWS_REGION, and the network connection of this machine"
    };
    let (problem, fix) = match (failure.code.as_deref(), failure.kind) {
        (_, FailureKind::NoBucket) => (
            format!("there is no bucket {bucket} at {endpoint}"),
            "create it, or use another one in the store's URL s3://bucket/location".into(),
        ),
        (Some("InvalidAccessKeyId" | "NotSignedUp"), _) => (
            format!("S3 at {endpoint} does not know the access key"),
            "check AWS_ACCESS_KEY_ID, AWS_PROFILE or the role".into(),
        ),
        (Some("SignatureDoesNotMatch"), _) => (
            format!(
                "S3 at {endpoint} refuses the signature, so the secret key does not belong to the access key"
            ),
            "check AWS_SECRET_ACCESS_KEY".into(),
        ),
        (Some("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired"), _) => (
            format!("S3 at {endpoint} refuses the session token"),
            "renew AWS_SESSION_TOKEN, or use a role or profile that renews it".into(),
        ),
        (Some("RequestTimeTooSkewed" | "RequestExpired"), _) => (
            "the clock of this machine differs from that of S3".into(),
            "set the clock, and keep it in sync with NTP".into(),
        ),
        (
            Some(
                "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
            ),
            _,
        ) => (
            format!(
                "bucket {bucket} is not in region {region} ({})",
                failure.text
            ),
            "set AWS_REGION to the region of the bucket".into(),
        ),
        (Some(_), FailureKind::Refused) => (
            format!("S3 at {endpoint} refuses a request: {}", failure.text),
            format!(
                "allow {} on bucket {bucket}, as in TaskRole of deploy/ecs/tintype.yaml, and check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                failure.operation.actions().join(" and ")
            ),
        ),
        (None, FailureKind::Refused | FailureKind::NotFound | FailureKind::Garbled) => (
            format!("the server at {endpoint} is not S3 ({})", failure.text),
            place.into(),
        ),
        (_, FailureKind::Down | FailureKind::Slow) => (
            format!("S3 at {endpoint} does not respond: {}", failure.text),
            place.into(),
        ),
        _ => (
            format!("S3 at {endpoint} cannot be used: {}", failure.text),
            place.into(),
        ),
    };
    Error::Misconfigured {
        problem,
        fix,
        passing: failure.kind.is_away(),
    }
}
