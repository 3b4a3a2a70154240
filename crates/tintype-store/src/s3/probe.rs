//! The smallest request that succeeds whenever reads do: a read of an object that never exists.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;

use super::failure::{Failure, FailureKind};
use super::operation::Operation;
use crate::key::RESERVED;

/// Total limit: anything slower counts as no response.
const TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Probe {
    client: Client,
    bucket: String,
    pub(super) path: String,
}

impl Probe {
    /// `location` is empty, or has a trailing slash.
    pub(super) fn new(client: Client, bucket: &str, location: &str) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            path: format!("{location}{RESERVED}/alive"),
        }
    }

    pub(super) async fn is_answered(&self) -> bool {
        match self.send().await {
            Ok(()) => true,
            Err(failure) => !failure.kind.is_away(),
        }
    }

    /// A single attempt, without retries.
    pub(super) async fn send(&self) -> Result<(), Failure> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(TIMEOUT)
            .operation_timeout(TIMEOUT)
            .build();
        let once = Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        let request = self.client.get_object().bucket(&self.bucket);
        let request = request.key(&self.path).customize().config_override(once);
        // Boxed, because the SDK's futures are large.
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => match Failure::new(Operation::GetObject, &error) {
                failure if failure.kind == FailureKind::NotFound => Ok(()),
                failure => Err(failure),
            },
        }
    }
}
