//! The test servers start, respond, fail when told to, and end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use tintype_testing::{BUCKET, Moto, Proxy, S3sFs};

/// The status of a request without a signature.
fn status(endpoint: &str) -> Result<u16, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .new_agent();
    let answer = agent
        .get(format!("{endpoint}/{BUCKET}?list-type=2"))
        .call()?;
    Ok(answer.status().as_u16())
}

#[test]
fn s3s_fs_requires_a_signature() {
    let server = S3sFs::start();
    assert_eq!(status(&server.endpoint()).unwrap(), 403);
}

#[test]
fn moto_has_a_bucket() {
    let server = Moto::start();
    assert_eq!(status(&server.endpoint()).unwrap(), 200);
}

#[test]
fn a_proxy_passes_cuts_stalls_and_passes_again() {
    let server = S3sFs::start();
    let proxy = Proxy::start(server.address());
    assert_eq!(status(&proxy.endpoint()).unwrap(), 403);
    proxy.cut();
    assert!(status(&proxy.endpoint()).is_err());
    proxy.stall();
    assert!(status(&proxy.endpoint()).is_err());
    proxy.restore();
    assert_eq!(status(&proxy.endpoint()).unwrap(), 403);
    assert_eq!(proxy.connections(), 4);
}
