use std::time::Duration;

use tintype_store::{
    Attributes, Condition, Error, HexId, Key, Object, S3Encryption, S3Writing, Store, StoreUrl,
    WriteSource,
};
use tintype_testing::{Fault, Faulty, Operation, S3sFs};

use super::{
    MIB, bytes, denied, faulty, file, open, original, put, put_file, read, refused, unavailable,
};

#[tokio::test]
async fn a_conflict_is_tried_again_and_then_decided_by_looking() {
    let (server, store) = faulty().await;
    server.script(Fault::CONFLICT.on(Operation::PutObject).times(2));
    put(&store, "a", "mine", &Condition::Absent).await.unwrap();
    assert_eq!(server.count(Operation::PutObject), 3);

    server.script(Fault::CONFLICT.on(Operation::PutObject));
    let theirs = store.head(&original("a")).await.unwrap().unwrap().etag;
    let outcome = put(&store, "a", "late", &Condition::Absent).await;
    assert_eq!(refused(outcome), Some(theirs));
    unavailable(put(&store, "b", "nobody's", &Condition::Absent).await);
}

#[tokio::test]
async fn a_write_whose_response_was_lost_recognises_only_its_own_object() {
    let (server, store) = faulty().await;
    let nonce = Attributes {
        nonce: Some("drawn".into()),
        ..Attributes::default()
    };
    for (key, attributes) in [("ours", Attributes::default()), ("callers", nonce)] {
        server.script(Fault::LoseAnswer.on(Operation::PutObject).times(1));
        let source = WriteSource::Bytes("bytes".into());
        let meta = store
            .put(&original(key), source, &Condition::Absent, &attributes)
            .await
            .unwrap();
        assert_eq!(meta.attributes, attributes);
        assert_eq!(read(&store, key).await.unwrap(), "bytes");
        assert_eq!(server.count(Operation::HeadObject), 1, "it looked");
        server.take_counts();
    }
    // The same bytes, but not our object.
    let outcome = put(&store, "ours", "bytes", &Condition::Absent).await;
    assert!(refused(outcome).is_some());
}

#[tokio::test]
async fn an_object_stored_differently_is_no_success_and_is_removed() {
    let (server, store) = faulty().await;
    let large = file(&bytes(17 * MIB));
    server.script(Fault::WrongChecksum.on(Operation::PutObject));
    unavailable(put(&store, "small", "bytes", &Condition::Any).await);

    server.script(Fault::WrongChecksum.on(Operation::UploadPart));
    unavailable(put_file(&store, "parts", &large, &Condition::Any).await);
    server.heal();
    server.script(Fault::StoreShort.on(Operation::CompleteMultipartUpload));
    unavailable(put_file(&store, "whole", &large, &Condition::Any).await);
    assert_eq!(server.unfinished_uploads(), 0);
    assert_eq!(server.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_inside_a_200_is_no_success_and_leaves_nothing() {
    let (server, store) = faulty().await;
    let (content, operation) = (bytes(17 * MIB), Operation::CompleteMultipartUpload);
    let large = file(&content);
    server.script(
        Fault::RefuseInside200("InternalError")
            .on(operation)
            .times(1),
    );
    put_file(&store, "again", &large, &Condition::Absent)
        .await
        .unwrap();
    assert!(read(&store, "again").await.unwrap() == content);

    server.script(Fault::RefuseInside200("InternalError").on(operation));
    unavailable(put_file(&store, "never", &large, &Condition::Absent).await);
    assert!(store.head(&original("never")).await.unwrap().is_none());
    assert_eq!(server.unfinished_uploads(), 0);
}

#[tokio::test]
async fn a_multipart_upload_survives_lost_responses_and_slow_downs() {
    let (server, store) = faulty().await;
    let content = bytes(40 * MIB);
    let large = file(&content);
    server.script(Fault::SLOW_DOWN.on(Operation::UploadPart).times(2));
    server.script(
        Fault::LoseAnswer
            .on(Operation::CompleteMultipartUpload)
            .times(1),
    );
    let meta = put_file(&store, "large", &large, &Condition::Absent)
        .await
        .unwrap();
    assert_eq!(meta.size, content.len() as u64);
    assert!(read(&store, "large").await.unwrap() == content);
    let outcome = put_file(&store, "large", &large, &Condition::Absent).await;
    assert_eq!(refused(outcome), Some(meta.etag));
    assert_eq!(server.unfinished_uploads(), 0);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let (server, store) = faulty().await;
    let large = file(&bytes(17 * MIB));
    server.script(Fault::ACCESS_DENIED.on(Operation::UploadPart));
    denied(put_file(&store, "denied", &large, &Condition::Absent).await);
    assert_eq!(server.unfinished_uploads(), 0);

    server.heal();
    server.script(Fault::Stall.on(Operation::UploadPart));
    let upload = put_file(&store, "left", &large, &Condition::Absent);
    let outcome = tokio::time::timeout(Duration::from_millis(500), upload).await;
    assert!(outcome.is_err(), "whoever sent it goes away");
    given_up(&server).await;
    assert_eq!(server.keys(), [""; 0]);
}

async fn given_up(server: &Faulty) {
    for _ in 0..100 {
        if server.unfinished_uploads() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the upload stayed");
}

#[tokio::test]
async fn a_conflict_that_consumed_the_upload_sends_everything_again() {
    let (server, store) = faulty().await;
    let content = bytes(17 * MIB);
    let operation = Operation::CompleteMultipartUpload;
    let large = |fault: Fault| fault.on(operation).of("/large").times(1);
    server.script(large(Fault::CONFLICT));
    server.script(large(Fault::Refuse(404, "NoSuchUpload")));
    put_file(&store, "large", &file(&content), &Condition::Absent)
        .await
        .unwrap();
    assert!(read(&store, "large").await.unwrap() == content);
    // Two of them are tests of the server's conditions.
    assert_eq!(server.count(Operation::CreateMultipartUpload), 2 + 2);
}

/// Most servers derive an ETag from the bytes alone.
#[tokio::test]
async fn one_of_two_writers_that_replace_a_version_with_equal_bytes_wins() {
    let server = S3sFs::start();
    let (_kept, keeps) = faulty().await;
    for store in [open(&server.endpoint()).await, keeps] {
        for (key, content) in [("small", bytes(100)), ("large", bytes(17 * MIB))] {
            let first = put(&store, key, content.clone(), &Condition::Any)
                .await
                .unwrap();
            let condition = Condition::Match(first.etag.clone());
            let second = put(&store, key, content.clone(), &condition).await.unwrap();
            assert_ne!(first.etag, second.etag);
            let outcome = put(&store, key, content.clone(), &condition).await;
            assert_eq!(refused(outcome), Some(second.etag));
            assert!(read(&store, key).await.unwrap() == content);
        }
    }
}

/// In one request and in parts, from memory and from a file.
#[tokio::test]
async fn every_size_arrives_whole_where_signatures_and_checksums_are_verified() {
    let server = S3sFs::start();
    let store = open(&server.endpoint()).await;
    for len in [
        0,
        1,
        256 * 1024,
        256 * 1024 + 1,
        MIB,
        16 * MIB,
        16 * MIB + 1,
        33 * MIB,
    ] {
        let content = bytes(len);
        // Separate names, because s3s-fs keeps the checksum of earlier content in one part.
        let [memory, on_disk] = ["memory", "file"].map(|what| format!("{what}-{len}"));
        let one = put(&store, &memory, content.clone(), &Condition::Any).await;
        let two = put_file(&store, &on_disk, &file(&content), &Condition::Any).await;
        assert_eq!([one, two].map(|meta| meta.unwrap().size), [len as u64; 2]);
        for key in [&memory, &on_disk] {
            assert!(read(&store, key).await.unwrap() == content, "{key}");
        }
    }
}

#[tokio::test]
async fn unfinished_uploads_are_swept() {
    let (server, store) = faulty().await;
    server.script(Fault::ACCESS_DENIED.on(Operation::UploadPart));
    server.script(Fault::ACCESS_DENIED.on(Operation::AbortMultipartUpload));
    denied(put_file(&store, "left", &file(&bytes(17 * MIB)), &Condition::Any).await);
    assert_eq!(server.unfinished_uploads(), 1);
    server.heal();
    let hour = Duration::from_secs(3_600);
    assert_eq!(
        store.sweep_uploads(hour).await.unwrap(),
        0,
        "it may still be sent"
    );
    assert_eq!(store.sweep_uploads(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(server.unfinished_uploads(), 0);

    let cannot = S3sFs::start();
    let store = open(&cannot.endpoint()).await;
    unavailable(store.sweep_uploads(Duration::ZERO).await);
}

/// For all kinds of writes; the storage class only for originals.
#[tokio::test]
async fn encryption_and_storage_class_are_set_on_every_write() {
    let server = Faulty::start();
    let mut settings = super::settings(&server.endpoint());
    settings.writing = S3Writing {
        encryption: Some(S3Encryption::Kms {
            key: Some("alias/media".into()),
            bucket_key: true,
        }),
        storage_class: Some("INTELLIGENT_TIERING".into()),
    };
    let store = Store::open(&StoreUrl::S3(settings)).await.unwrap();
    let any = Condition::Any;
    put(&store, "small", "bytes", &any).await.unwrap();
    let large = file(&bytes(17 * MIB));
    put_file(&store, "large", &large, &any).await.unwrap();
    let [from, to] = ["small", "copied"].map(|key| Key::parse(key).unwrap());
    let none = Attributes::default();
    store.copy(&from, &to, &any, &none).await.unwrap();
    let record = Object::Record(HexId([1; 32]));
    let source = WriteSource::Bytes("{}".into());
    store.put(&record, source, &any, &none).await.unwrap();
    let record = record.path();
    for (key, class) in [
        ("small", "INTELLIGENT_TIERING"),
        ("large", "INTELLIGENT_TIERING"),
        ("copied", "INTELLIGENT_TIERING"),
        (record.as_str(), ""),
    ] {
        let header = |name: &str| server.header(&format!("our/place/{key}"), name);
        assert_eq!(header("x-amz-storage-class"), class, "{key}");
        let encryption = "x-amz-server-side-encryption";
        assert_eq!(header(encryption), "aws:kms", "{key}");
        let of_key = header(&format!("{encryption}-aws-kms-key-id"));
        assert_eq!(of_key, "alias/media", "{key}");
        assert_eq!(header(&format!("{encryption}-bucket-key-enabled")), "true");
    }
}

/// Permanent refusals of S3 are told apart from temporary failures.
#[tokio::test]
async fn refusals_are_told_apart() {
    let (server, store) = faulty().await;
    put(&store, "a", "bytes", &Condition::Any).await.unwrap();
    for (fault, expected) in [
        (Fault::Refuse(403, "InvalidObjectState"), "archived"),
        (Fault::ACCESS_DENIED, "refused"),
        (Fault::Refuse(400, "KMS.DisabledException"), "refused"),
        (Fault::Refuse(400, "ExpiredToken"), "unavailable"),
        (Fault::CLOCK_SKEWED, "unavailable"),
        (Fault::SLOW_DOWN, "unavailable"),
    ] {
        server.heal();
        server.script(fault.on(Operation::GetObject));
        let found = match read(&store, "a").await {
            Err(Error::Archived { reason }) => {
                assert!(reason.contains("InvalidObjectState"), "{reason}");
                "archived"
            }
            Err(Error::Refused { .. }) => "refused",
            Err(Error::Unavailable { .. }) => "unavailable",
            other => panic!("{fault:?}: {other:?}"),
        };
        assert_eq!(found, expected, "{fault:?}");
    }
}
