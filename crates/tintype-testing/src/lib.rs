//! Servers for tests: S3 in several implementations, and a proxy that can fail.
//!
//! A separate crate because two test suites start the same servers, and because their dependencies are heavy.
//! Nothing that is shipped depends on it. Each server has its own loopback port and bucket, and ends when it is
//! dropped, even by a test that panics.
//!
//! No server that is available for tests keeps every guarantee of S3: [`S3sFs`] verifies signatures and checksums,
//! but two creators of one name can both win; [`Moto`] decides conditional writes atomically, but verifies nothing.
//! [`Faulty`] is ours: it keeps them all, until told not to.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot start its server has failed"
)]

mod faulty;
mod loopback;
mod moto;
mod proxy;
mod s3s_fs;

pub use faulty::{Conditions, Fault, Faulty, Operation, Rule};
pub use moto::Moto;
pub use proxy::Proxy;
pub use s3s_fs::S3sFs;

/// The bucket that every server has.
pub const BUCKET: &str = "media";
pub const REGION: &str = "eu-central-1";
pub const ACCESS_KEY: &str = "AKIATESTSONLY0000000";
pub const SECRET_KEY: &str = "secret-for-tests-only-0123456789abcdefgh";

/// The AWS variables for a server at `endpoint`, and nothing of this machine's.
pub fn environment(endpoint: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
