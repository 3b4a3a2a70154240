use std::time::{Duration, Instant};

use bytes::Bytes;
use tintype_store::{Attributes, Condition, Error, HexId, Object, WriteSource};
use tintype_testing::{Fault, Operation};

use super::{MIB, bytes, faulty, original, put, read, unavailable};

#[tokio::test]
async fn a_body_that_is_cut_off_or_stalls_is_resumed() {
    let (server, store) = faulty().await;
    let content = bytes(3 * MIB);
    put(&store, "a", content.clone(), &Condition::Any)
        .await
        .unwrap();
    for fault in [Fault::CutBody(MIB as u64), Fault::StallBody(MIB as u64)] {
        server.take_counts();
        server.script(fault.on(Operation::GetObject).times(1));
        assert!(read(&store, "a").await.unwrap() == content, "{fault:?}");
        assert_eq!(server.count(Operation::GetObject), 2, "{fault:?}");
    }
    // A part of it as well.
    server.script(Fault::CutBody(1_000).on(Operation::GetObject).times(1));
    let get = store
        .get(&original("a"), Some(5..500_000), None)
        .await
        .unwrap();
    let part = get.unwrap().body.into_bytes(u64::MAX).await.unwrap();
    assert!(part == content[5..500_000]);
}

#[tokio::test]
async fn a_body_that_stays_broken_fails_soon() {
    let (server, store) = faulty().await;
    put(&store, "a", bytes(3 * MIB), &Condition::Any)
        .await
        .unwrap();
    for fault in [Fault::CutBody(1_000), Fault::StallBody(1_000)] {
        server.heal();
        server.script(fault.on(Operation::GetObject));
        let began = Instant::now();
        unavailable(read(&store, "a").await);
        assert!(began.elapsed() < Duration::from_secs(10), "{fault:?}");
    }
}

#[tokio::test]
async fn two_versions_are_never_mixed() {
    let (server, store) = faulty().await;
    put(&store, "a", bytes(3 * MIB), &Condition::Any)
        .await
        .unwrap();
    server.script(Fault::CutBody(MIB as u64).on(Operation::GetObject).times(1));
    let get = store
        .get(&original("a"), None, None)
        .await
        .unwrap()
        .unwrap();
    server.put("our/place/a", vec![7; 3 * MIB]);
    let outcome = get.body.into_bytes(u64::MAX).await;
    unavailable(outcome);
}

#[tokio::test]
async fn bytes_corrupted_on_the_way_are_noticed() {
    let (server, store) = faulty().await;
    for len in [10, 100_000, 3 * MIB] {
        put(&store, "a", bytes(len), &Condition::Any).await.unwrap();
        server.script(Fault::AlterBody.on(Operation::GetObject).times(1));
        unavailable(read(&store, "a").await);
        assert!(read(&store, "a").await.unwrap() == bytes(len));
    }
}

#[tokio::test]
async fn only_a_confirmed_404_means_absence() {
    let (server, store) = faulty().await;
    let record = Object::Record(HexId([1; 32]));
    assert!(store.get(&record, None, None).await.unwrap().is_none());
    for fault in [
        Fault::ACCESS_DENIED,
        Fault::INTERNAL,
        Fault::NotS3,
        Fault::WRONG_REGION,
        Fault::Refuse(404, "NoSuchBucket"),
        Fault::Cut,
    ] {
        server.heal();
        server.script(fault);
        let outcome = store.get(&record, None, None).await;
        let is_error = matches!(
            outcome,
            Err(Error::Unavailable { .. } | Error::Refused { .. })
        );
        assert!(is_error, "{fault:?}: {outcome:?}");
    }
}

/// Every twentieth read may be sent twice, and no more.
#[tokio::test]
async fn a_late_small_object_is_requested_again() {
    let (server, store) = faulty().await;
    let variant = Object::Variant(HexId([1; 32]), HexId([2; 16]));
    let source = WriteSource::Bytes(Bytes::from_static(b"jpeg"));
    let none = Attributes::default();
    store
        .put(&variant, source, &Condition::Any, &none)
        .await
        .unwrap();
    let read = async || {
        let get = store.get(&variant, None, None).await.unwrap().unwrap();
        get.body.into_bytes(100).await.unwrap()
    };
    for _ in 0..100 {
        assert_eq!(read().await, "jpeg");
    }
    let before = server.count(Operation::GetObject);
    let late = Fault::Late(Duration::from_millis(900)).on(Operation::GetObject);
    server.script(late.times(1));
    assert_eq!(read().await, "jpeg");
    assert_eq!(server.count(Operation::GetObject) - before, 2);

    server.take_counts();
    server.script(Fault::Late(Duration::from_millis(100)).on(Operation::GetObject));
    for _ in 0..100 {
        read().await;
    }
    let sent = server.count(Operation::GetObject);
    assert!(
        sent <= 100 + 5 + 5,
        "{sent}: one in twenty, and what was saved up"
    );
}
