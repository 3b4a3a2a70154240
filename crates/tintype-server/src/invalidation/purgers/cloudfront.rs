//! CloudFront: invalidations of paths.
//!
//! Region, endpoint and credentials come from AWS's own variables and roles. If `AWS_ENDPOINT_URL` is set for
//! another vendor's store, use `AWS_ENDPOINT_URL_S3` instead, or this client would call that store as well. The
//! role needs `cloudfront:CreateInvalidation` on the distribution.
//!
//! CloudFront processes at most fifteen paths with a wildcard at a time for each distribution, and every key has
//! one. So purges that come together become one invalidation, in which too many keys are replaced by their folders.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use sha2::{Digest, Sha256};
use tintype_store::HexId;

use super::{CONNECT, PathsBySite, PurgeError};
use crate::invalidation::notice::Purge;

/// How long a purge waits for others to be batched with.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// Keys in one invalidation: two paths each, in up to two spellings, are below CloudFront's limit of 3,000.
pub(super) const MAX_BATCH: usize = 700;

/// CloudFront's own limit of wildcards in progress.
const MAX_WILDCARDS: usize = 15;

const ANSWER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct CloudFront {
    client: Client,
    distribution: String,
    paths: Arc<PathsBySite>,
}

/// Credentials are resolved at the first call.
pub(super) async fn client() -> Client {
    // CloudFront is global; the region only selects the China and government partitions. It is not looked up over
    // the network, which could hold up the start.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
    let region = region.or_else(Region::from_static("us-east-1"));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_timeout(ANSWER)
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .timeout_config(timeouts)
        // Retries are up to the queue.
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    Client::new(&config)
}

impl CloudFront {
    pub(crate) fn new(client: Client, distribution: &str, paths: Arc<PathsBySite>) -> Self {
        let distribution = distribution.to_owned();
        Self {
            client,
            distribution,
            paths,
        }
    }

    pub(super) fn distribution(&self) -> &str {
        &self.distribution
    }

    pub(super) async fn deliver(&self, purges: &[&Purge]) -> Result<(), PurgeError> {
        let places = self.paths.places(purges.iter().map(|purge| &purge.entry));
        let paths = places.at_most(MAX_WILDCARDS).into_paths();
        if paths.is_empty() {
            // A content, whose paths are not known.
            return Ok(());
        }
        let unfit =
            |error: aws_sdk_cloudfront::error::BuildError| PurgeError::Refused(error.to_string());
        let quantity = i32::try_from(paths.len()).unwrap_or(i32::MAX);
        let items = Paths::builder()
            .quantity(quantity)
            .set_items(Some(paths))
            .build()
            .map_err(unfit)?;
        let batch = InvalidationBatch::builder()
            .caller_reference(reference(purges))
            .paths(items)
            .build()
            .map_err(unfit)?;
        let request = self.client.create_invalidation();
        let request = request
            .distribution_id(&self.distribution)
            .invalidation_batch(batch);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(context)) => {
                let error = context.err();
                let code = error.code().unwrap_or("an unknown error");
                let reason = format!("{code}: {}", error.message().unwrap_or_default());
                let status = context.raw().status().as_u16();
                let later = status >= 500
                    || status == 429
                    || code.contains("Throttl")
                    || code == "TooManyInvalidationsInProgress"
                    || code == "RequestLimitExceeded";
                Err(match later {
                    true => PurgeError::Again(reason),
                    false => PurgeError::Refused(reason),
                })
            }
            Err(error) => Err(PurgeError::Again(DisplayErrorContext(error).to_string())),
        }
    }
}

/// The same for the same purges, so that a retry makes no second invalidation.
fn reference(purges: &[&Purge]) -> String {
    let mut ids: Vec<_> = purges.iter().map(|purge| purge.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let digest: [u8; 32] = Sha256::digest(ids.join("\n")).into();
    HexId(digest).to_string()
}
