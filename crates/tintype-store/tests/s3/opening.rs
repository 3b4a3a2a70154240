use tintype_store::{Error, S3Access, S3Settings, Store, StoreUrl};
use tintype_testing::{Fault, Faulty, Moto, Operation, S3sFs};

use super::settings;

/// The message of a store that does not open, with its cause, as the service prints it.
async fn problem(settings: S3Settings) -> String {
    match Store::open(&StoreUrl::S3(settings)).await {
        Err(error @ Error::Misconfigured { passing, .. }) => {
            let message = error.to_string();
            // A server that does not respond may respond later, and is worth waiting for.
            assert_eq!(passing, message.contains("does not respond"), "{message}");
            message
        }
        other => panic!("expected a wrong set-up, got {other:?}"),
    }
}

fn check(message: &str, expected: &[&str]) {
    for text in expected {
        assert!(message.contains(text), "{text:?} is not in {message:?}");
    }
    assert!(!message.contains('\n'), "{message:?}");
    for secret in [tintype_testing::SECRET_KEY, "another-secret"] {
        assert!(!message.contains(secret), "{message:?}");
    }
}

fn with(endpoint: &str, change: impl FnOnce(&mut S3Access)) -> S3Settings {
    let mut settings = settings(endpoint);
    change(settings.access.as_mut().unwrap());
    settings
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let (faulty, moto, s3s_fs) = (Faulty::start(), Moto::start(), S3sFs::start());
    for endpoint in [faulty.endpoint(), moto.endpoint(), s3s_fs.endpoint()] {
        let mut settings = settings(&endpoint);
        settings.bucket = "elsewhere".into();
        check(
            &problem(settings).await,
            &["no bucket elsewhere", &endpoint, "s3://"],
        );
    }
}

#[tokio::test]
async fn wrong_keys_are_told_apart_from_missing_permissions() {
    let server = S3sFs::start();
    let secret = with(&server.endpoint(), |access| {
        access.secret_key = "another-secret".into();
    });
    check(
        &problem(secret).await,
        &["signature", "AWS_SECRET_ACCESS_KEY"],
    );
    let key = with(&server.endpoint(), |access| {
        access.access_key = "AKIAOTHER".into()
    });
    check(&problem(key).await, &["AWS_ACCESS_KEY_ID"]);

    let server = Faulty::start();
    server.script(Fault::WRONG_KEY);
    check(
        &problem(settings(&server.endpoint())).await,
        &["AWS_ACCESS_KEY_ID"],
    );
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    for (operation, action) in [
        (Operation::ListObjectsV2, "s3:ListBucket"),
        (Operation::PutObject, "s3:PutObject"),
        (Operation::DeleteObject, "s3:DeleteObject"),
        (Operation::DeleteObjects, "s3:DeleteObject"),
        (Operation::AbortMultipartUpload, "s3:AbortMultipartUpload"),
        (Operation::GetObject, "s3:GetObject"),
    ] {
        let server = Faulty::start();
        server.script(Fault::ACCESS_DENIED.on(operation));
        let expected = [action, "deploy/ecs/tintype.yaml", "media"];
        check(&problem(settings(&server.endpoint())).await, &expected);
    }
}

#[tokio::test]
async fn a_wrong_region_clock_or_endpoint_is_reported_with_its_fix() {
    for (fault, expected) in [
        (Fault::WRONG_REGION, ["AWS_REGION", "eu-central-1"]),
        (Fault::WRONG_REGION_SIGNED, ["AWS_REGION", "eu-central-1"]),
        (Fault::CLOCK_SKEWED, ["clock", "NTP"]),
        (Fault::NotS3, ["is not S3", "AWS_ENDPOINT_URL"]),
        (Fault::SLOW_DOWN, ["does not respond", "SlowDown"]),
        (Fault::Stall, ["does not respond", "AWS_ENDPOINT_URL"]),
        (Fault::Cut, ["does not respond", "AWS_ENDPOINT_URL"]),
    ] {
        let server = Faulty::start();
        server.script(fault);
        check(&problem(settings(&server.endpoint())).await, &expected);
    }
    let refused = problem(settings("http://127.0.0.1:1")).await;
    check(
        &refused,
        &[
            "does not respond",
            "http://127.0.0.1:1",
            "refused",
            "AWS_ENDPOINT_URL",
        ],
    );
    let nowhere = problem(settings("http://nowhere.invalid")).await;
    check(
        &nowhere,
        &[
            "does not respond",
            "http://nowhere.invalid",
            "AWS_ENDPOINT_URL",
        ],
    );
}

#[tokio::test]
async fn a_read_only_store_needs_no_permission_to_write() {
    let server = Faulty::start();
    for operation in [
        Operation::PutObject,
        Operation::DeleteObject,
        Operation::DeleteObjects,
        Operation::CreateMultipartUpload,
    ] {
        server.script(Fault::ACCESS_DENIED.on(operation));
    }
    server.put("our/place/a", "bytes");
    let url = StoreUrl::S3(settings(&server.endpoint()));
    let store = Store::open_read_only(&url).await.unwrap();
    assert_eq!(super::read(&store, "a").await.unwrap(), "bytes");
    let asked: u64 = server.take_counts().into_values().sum();
    assert_eq!(asked, 2, "one listing, one read");
}
