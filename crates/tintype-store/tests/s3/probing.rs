use tintype_store::{Condition, Store};
use tintype_testing::{Conditions, Faulty, Moto, Operation, S3sFs};

use super::{open, put, refused};

async fn opened(conditions: Conditions) -> (Faulty, Store) {
    let server = Faulty::start();
    server.conditions(conditions);
    let store = open(&server.endpoint()).await;
    (server, store)
}

fn check(store: &Store, expected: &[&str]) {
    let warnings = store.warnings();
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    for (warning, text) in warnings.iter().zip(expected) {
        assert!(warning.contains(text), "{text:?} is not in {warning:?}");
    }
}

#[tokio::test]
async fn a_server_that_enforces_conditions_causes_no_warning() {
    let (server, store) = opened(Conditions::Kept).await;
    check(&store, &[]);
    assert_eq!(server.keys(), [""; 0], "trying left nothing behind");
    assert_eq!(server.unfinished_uploads(), 0);
    let asked: u64 = server.take_counts().into_values().sum();
    // One less than a start may cost, which reads the takedowns as well.
    assert!(asked <= 9, "{asked}");
}

/// Single requests would reveal nothing of a server that checks first and writes later.
#[tokio::test]
async fn conditions_that_a_server_does_not_decide_are_found_and_reported() {
    for conditions in [Conditions::Ignored, Conditions::Refused] {
        let (server, store) = opened(conditions).await;
        check(
            &store,
            &[
                "If-None-Match (create only)",
                "If-Match (replace",
                "If-Match of a delete",
            ],
        );
        assert_eq!(server.keys(), [""; 0], "trying left nothing behind");
        assert_eq!(server.unfinished_uploads(), 0);
    }
    let server = S3sFs::start();
    let store = open(&server.endpoint()).await;
    check(
        &store,
        &[
            "If-None-Match (create only)",
            "If-Match (replace",
            "If-Match of a delete",
            "versioned",
        ],
    );
    let server = Moto::start();
    let store = open(&server.endpoint()).await;
    check(&store, &["versioned"]);
    // What only large uploads need is tested with the first of them.
    let large = super::file(&super::bytes(17 * super::MIB));
    let replaced = put(&store, "a", "small", &Condition::Any).await.unwrap();
    let matching = Condition::Match(replaced.etag);
    super::put_file(&store, "a", &large, &matching)
        .await
        .unwrap();
    check(&store, &["versioned", "If-Match of a multipart upload"]);
}

#[tokio::test]
async fn one_process_enforces_conditions_that_the_server_does_not() {
    for conditions in [Conditions::Ignored, Conditions::Refused] {
        let (_server, store) = opened(conditions).await;
        let writers = (0..16).map(|n| put(&store, "a", format!("{n}"), &Condition::Absent));
        let winners = futures_util::future::join_all(writers).await;
        let winners: Vec<_> = winners.into_iter().filter_map(Result::ok).collect();
        assert_eq!(winners.len(), 1, "{conditions:?}");
        let condition = Condition::Match(winners[0].etag.clone());
        let writers = (0..16).map(|n| put(&store, "a", format!("again {n}"), &condition));
        let outcomes = futures_util::future::join_all(writers).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let deleted = store.delete(&super::original("a"), &condition).await;
        assert!(refused(deleted).is_some());
    }
}

#[tokio::test]
async fn a_bucket_without_versions_is_a_reason_to_warn() {
    let server = Faulty::start();
    server.unversioned();
    check(&open(&server.endpoint()).await, &["is not versioned"]);

    let server = Faulty::start();
    server.script(tintype_testing::Fault::ACCESS_DENIED.on(Operation::GetBucketVersioning));
    check(&open(&server.endpoint()).await, &["s3:GetBucketVersioning"]);
}
