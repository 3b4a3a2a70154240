use std::collections::BTreeMap;

use tintype_store::{Attributes, Condition, HexId, Key, Object, ObjectKind, Store, WriteSource};
use tintype_testing::{Faulty, Operation};

use super::{MIB, bytes, faulty, file, original, put, put_file, read};

/// Gets, heads, puts, deletes and lists.
fn counted(store: &Store) -> [u64; 5] {
    let counts = store.counts();
    [
        counts.gets(),
        counts.heads(),
        counts.puts(),
        counts.deletes(),
        counts.lists(),
    ]
}

/// Asserts that an operation took exactly these requests, by the server's count and by the store's.
async fn costs<T>(
    (server, store): &(Faulty, Store),
    operation: impl Future<Output = T>,
    expected: &[(Operation, u64)],
) -> T {
    server.take_counts();
    let before = counted(store);
    let outcome = operation.await;
    let asked = server.take_counts();
    assert_eq!(asked, BTreeMap::from_iter(expected.iter().copied()));
    let after = counted(store);
    let told: u64 = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .sum();
    assert_eq!(told, asked.into_values().sum::<u64>());
    outcome
}

#[tokio::test]
async fn every_operation_costs_the_documented_requests() {
    use Operation::*;
    let both = faulty().await;
    let store = &both.1;
    let (absent, any) = (Condition::Absent, Condition::Any);
    let a = original("a");

    let created = put(store, "a", "bytes", &absent);
    let meta = costs(&both, created, &[(PutObject, 1)]).await.unwrap();
    let matching = Condition::Match(meta.etag);
    let replaced = put(store, "a", "other", &matching);
    costs(&both, replaced, &[(PutObject, 1)]).await.unwrap();
    for condition in [&absent, &matching] {
        let refused = put(store, "a", "again", condition);
        let expected = [(PutObject, 1), (HeadObject, 1)];
        costs(&both, refused, &expected).await.unwrap_err();
    }
    costs(&both, store.head(&a), &[(HeadObject, 1)])
        .await
        .unwrap();
    costs(&both, read(store, "a"), &[(GetObject, 1)])
        .await
        .unwrap();
    let range = store.get(&a, Some(1..3), None);
    costs(&both, range, &[(GetObject, 1)]).await.unwrap();
    let past = store.get(&a, Some(9..10), None);
    costs(&both, past, &[(GetObject, 1)]).await.unwrap_err();
    let nothing = store.get(&Object::Record(HexId([1; 32])), None, None);
    costs(&both, nothing, &[(GetObject, 1)]).await.unwrap();

    let [from, to] = ["a", "b"].map(|key| Key::parse(key).unwrap());
    let none = Attributes::default();
    let copied = store.copy(&from, &to, &any, &none);
    costs(&both, copied, &[(HeadObject, 1), (CopyObject, 1)])
        .await
        .unwrap();

    let large = file(&bytes(33 * MIB));
    // How the server handles conditions of such uploads is tested before the first.
    put_file(store, "first", &large, &absent).await.unwrap();
    let parts = [
        (CreateMultipartUpload, 1),
        (UploadPart, 3),
        (CompleteMultipartUpload, 1),
        (HeadObject, 1),
    ];
    costs(&both, put_file(store, "large", &large, &absent), &parts)
        .await
        .unwrap();

    let listed = store.list("a", false, None, 10);
    costs(&both, listed, &[(ListObjectsV2, 1)]).await.unwrap();
    let kinds = store.list_kind(ObjectKind::Block, None, 10);
    costs(&both, kinds, &[(ListObjectsV2, 1)]).await.unwrap();

    let delete = [(HeadObject, 1), (DeleteObject, 1)];
    costs(&both, store.delete(&a, &any), &delete).await.unwrap();
    costs(&both, store.delete(&a, &any), &[(HeadObject, 1)])
        .await
        .unwrap();

    let original = HexId([1; 32]);
    for id in 0..5 {
        let variant = Object::Variant(original, HexId([id; 16]));
        let source = WriteSource::Bytes("jpeg".into());
        store.put(&variant, source, &any, &none).await.unwrap();
    }
    let variants = [(ListObjectsV2, 1), (DeleteObjects, 1)];
    assert_eq!(
        costs(&both, store.delete_prefix(&original), &variants)
            .await
            .unwrap(),
        5
    );
    costs(&both, store.check(), &[(GetObject, 1)])
        .await
        .unwrap();
}

/// However many records and variants there are.
#[tokio::test]
async fn a_listing_of_everything_gets_past_our_own_objects_with_one_more_request() {
    let both = faulty().await;
    let (server, store) = &both;
    for n in 0..3_000 {
        server.put(&format!("our/place/.tintype/variants/{n}"), "jpeg");
    }
    for key in ["!first", "last"] {
        server.put(&format!("our/place/{key}"), "bytes");
    }
    let listed = store.list("", false, None, 1_000);
    let page = costs(&both, listed, &[(Operation::ListObjectsV2, 2)])
        .await
        .unwrap();
    let keys: Vec<_> = page.files.iter().map(|file| file.key.as_str()).collect();
    assert_eq!((keys, page.cursor), (vec!["!first", "last"], None));
    let folders = store.list("", true, None, 1_000);
    costs(&both, folders, &[(Operation::ListObjectsV2, 1)])
        .await
        .unwrap();
}
