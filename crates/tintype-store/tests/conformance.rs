//! What every store promises, in one suite that each back end runs unchanged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tintype_store::{
    Attributes, BlockId, CHUNK_BYTES, Condition, ETag, Error, HexId, Key, Kind, Meta, Object,
    OutboxId, Overlay, S3Access, S3Settings, Source, Store, StoreUrl,
};
use tintype_testing::{ACCESS_KEY, BUCKET, Conditions, Faulty, Moto, REGION, S3sFs, SECRET_KEY};

/// What a server can hold is not always what S3 can.
struct Limits {
    /// The longest key that is tried, in bytes.
    longest_key: usize,
}

/// What disk, memory and S3 hold.
const NONE: Limits = Limits { longest_key: 255 };

async fn conforms(store: &Store, limits: &Limits) {
    reads_back_what_was_written(store, limits).await;
    creates_a_name_once(store).await;
    replaces_and_deletes_the_version_that_was_meant(store).await;
    keeps_attributes_with_the_bytes(store).await;
    serves_ranges(store).await;
    streams_in_bounded_chunks(store).await;
    takes_files_as_well_as_bytes(store).await;
    copies(store).await;
    lists_originals_in_the_order_of_their_bytes(store).await;
    finds_its_own_objects_by_kind(store).await;
    surveys_records_and_variants(store).await;
    deletes_the_variants_of_one_original(store).await;
    one_of_many_creators_wins(store).await;
    store.check().await.unwrap();
}

#[tokio::test]
async fn memory_conforms() {
    let store = Store::open(&StoreUrl::Memory).await.unwrap();
    conforms(&store, &NONE).await;
    counts_what_it_is_asked(&store).await;
}

#[tokio::test]
async fn disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreUrl::disk(folder.path())).await.unwrap();
    conforms(&store, &NONE).await;
    counts_what_it_is_asked(&store).await;
}

async fn bucket(endpoint: String) -> Store {
    let mut settings = S3Settings::new(BUCKET, "some/where").unwrap();
    settings.access = Some(S3Access {
        endpoint,
        region: REGION.into(),
        access_key: ACCESS_KEY.into(),
        secret_key: SECRET_KEY.into(),
    });
    Store::open(&StoreUrl::S3(settings)).await.unwrap()
}

/// s3s-fs, or the server that `TINTYPE_TEST_S3` names as `s3://bucket/location` with AWS's own variables
/// beside it, as `tests/garage` does. Both verify signatures and checksums. Neither decides conditions
/// between writers at once, so the race is decided by the store, for one process; moto's is its own.
#[tokio::test]
async fn a_server_that_verifies_signatures_conforms() {
    // s3s-fs keeps attributes in a file with the key in its name, in base64.
    let limits = Limits { longest_key: 100 };
    let s3s_fs;
    #[expect(
        clippy::disallowed_methods,
        reason = "for runs by hand, not configuration"
    )]
    let store = match std::env::var("TINTYPE_TEST_S3") {
        Ok(url) => Store::open(&url.parse().unwrap()).await.unwrap(),
        Err(_) => {
            s3s_fs = S3sFs::start();
            bucket(s3s_fs.endpoint()).await
        }
    };
    for warning in store.warnings() {
        println!("{warning}");
    }
    conforms(&store, &limits).await;
}

/// Decides conditions between writers at once.
#[tokio::test]
async fn moto_conforms() {
    let server = Moto::start();
    conforms(&bucket(server.endpoint()).await, &NONE).await;
}

/// Decides conditions, or ignores or refuses them, as servers do that are not AWS's.
#[tokio::test]
async fn a_bucket_conforms_also_where_conditions_are_not_kept() {
    for conditions in [Conditions::Kept, Conditions::Ignored, Conditions::Refused] {
        let server = Faulty::start();
        server.conditions(conditions);
        conforms(&bucket(server.endpoint()).await, &NONE).await;
    }
}

#[tokio::test]
async fn an_overlay_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let lower = Store::open(&StoreUrl::Memory).await.unwrap();
    let upper = Store::open(&StoreUrl::disk(folder.path())).await.unwrap();
    let store = Store::Overlay(Overlay::new(upper, lower.into()));
    conforms(&store, &NONE).await;
    counts_what_it_is_asked(&store).await;
}

fn original(key: &str) -> Object {
    Object::Original(Key::parse(key).unwrap())
}

async fn put(
    store: &Store,
    object: &Object,
    bytes: &[u8],
    condition: Condition,
) -> Result<ETag, Error> {
    let source = Source::Bytes(Bytes::copy_from_slice(bytes));
    store
        .put(object, source, &condition, &Attributes::default())
        .await
        .map(|meta| meta.etag)
}

async fn read(store: &Store, object: &Object) -> Option<Bytes> {
    let get = store.get(object, None, None).await.unwrap()?;
    Some(get.body.into_bytes(u64::MAX).await.unwrap())
}

/// The version that a failed precondition names; panics on any other outcome.
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Option<ETag> {
    match outcome {
        Err(Error::Precondition { current }) => current.map(|meta| meta.etag),
        other => panic!("expected a failed precondition, got {other:?}"),
    }
}

async fn reads_back_what_was_written(store: &Store, limits: &Limits) {
    for key in [
        "lion.jpg",
        "photos/2016/lion.jpg",
        "Ünï/獅子 %2F?#.jpg",
        &"x".repeat(limits.longest_key),
    ] {
        let object = original(key);
        assert!(store.head(&object).await.unwrap().is_none());
        assert!(store.get(&object, None, None).await.unwrap().is_none());
        let etag = put(store, &object, key.as_bytes(), Condition::Any)
            .await
            .unwrap();
        let meta = store.head(&object).await.unwrap().unwrap();
        assert_eq!((meta.size, &meta.etag), (key.len() as u64, &etag));
        assert_eq!(read(store, &object).await.unwrap(), key.as_bytes());
        assert!(!etag.as_str().contains('"'));
        assert!(store.delete(&object, &Condition::Any).await.unwrap());
        assert!(!store.delete(&object, &Condition::Any).await.unwrap());
        assert!(store.head(&object).await.unwrap().is_none());
    }
    let empty = original("empty");
    put(store, &empty, b"", Condition::Absent).await.unwrap();
    assert_eq!(read(store, &empty).await.unwrap(), "");
    store.delete(&empty, &Condition::Any).await.unwrap();
}

async fn creates_a_name_once(store: &Store) {
    let object = original("create/once");
    let first = put(store, &object, b"first", Condition::Absent)
        .await
        .unwrap();
    assert_eq!(
        refused(put(store, &object, b"second", Condition::Absent).await),
        Some(first)
    );
    assert_eq!(read(store, &object).await.unwrap(), "first");
    store.delete(&object, &Condition::Any).await.unwrap();
    put(store, &object, b"third", Condition::Absent)
        .await
        .unwrap();
    store.delete(&object, &Condition::Any).await.unwrap();
}

async fn replaces_and_deletes_the_version_that_was_meant(store: &Store) {
    let object = original("cas/object");
    let never = Condition::Match(ETag::new("never"));
    assert_eq!(
        refused(put(store, &object, b"0", never.clone()).await),
        None
    );
    assert_eq!(refused(store.delete(&object, &never).await), None);

    let first = put(store, &object, b"same", Condition::Absent)
        .await
        .unwrap();
    let second = put(store, &object, b"same", Condition::Match(first.clone()))
        .await
        .unwrap();
    assert_ne!(first, second, "equal bytes are still another write");
    let stale = Condition::Match(first.clone());
    assert_eq!(
        refused(put(store, &object, b"late", stale.clone()).await),
        Some(second.clone())
    );
    assert_eq!(
        refused(store.delete(&object, &stale).await),
        Some(second.clone())
    );
    assert_eq!(
        refused(store.delete(&object, &Condition::Absent).await),
        Some(second.clone())
    );
    assert_eq!(
        refused(store.get(&object, None, Some(&first)).await),
        Some(second.clone())
    );
    assert!(
        store
            .get(&object, None, Some(&second))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .delete(&object, &Condition::Match(second))
            .await
            .unwrap()
    );
    assert!(!store.delete(&object, &Condition::Absent).await.unwrap());
}

async fn keeps_attributes_with_the_bytes(store: &Store) {
    let object = original("attributes/object");
    let attributes = Attributes {
        idempotency: Some("a1".into()),
        nonce: Some("b2".into()),
        sha256: Some(Sha256::digest(b"x").into()),
    };
    let source = || Source::Bytes(Bytes::from_static(b"x"));
    let meta = store
        .put(&object, source(), &Condition::Absent, &attributes)
        .await
        .unwrap();
    assert_eq!(meta.attributes, attributes);
    let head = store.head(&object).await.unwrap().unwrap();
    assert_eq!(lasting(&head), lasting(&meta));
    assert_near(head.modified, meta.modified);
    let get = store.get(&object, None, None).await.unwrap().unwrap();
    assert_eq!(get.meta, head);
    let Err(Error::Precondition { current }) = store
        .put(
            &object,
            source(),
            &Condition::Absent,
            &Attributes::default(),
        )
        .await
    else {
        panic!("created twice");
    };
    assert_eq!(
        current.as_deref(),
        Some(&head),
        "so that a replay recognises its own object"
    );

    put(store, &object, b"y", Condition::Any).await.unwrap();
    let replaced = store.head(&object).await.unwrap().unwrap();
    assert_eq!(replaced.attributes, Attributes::default());
    store.delete(&object, &Condition::Any).await.unwrap();

    for nonce in ["", "with space", "ünï", &"x".repeat(257)] {
        let attributes = Attributes {
            nonce: Some(nonce.into()),
            ..Attributes::default()
        };
        let outcome = store
            .put(&object, source(), &Condition::Any, &attributes)
            .await;
        assert!(
            matches!(outcome, Err(Error::InvalidAttribute { name: "nonce", .. })),
            "{nonce:?}"
        );
    }
    assert!(store.head(&object).await.unwrap().is_none());
}

/// All of what is known of an object but its time.
fn lasting(meta: &Meta) -> (u64, &ETag, &Attributes) {
    (meta.size, &meta.etag, &meta.attributes)
}

/// A bucket tells the time of a write only when it is looked at, in whole seconds.
fn assert_near(one: SystemTime, other: SystemTime) {
    let (early, late) = (one.min(other), one.max(other));
    assert!(late.duration_since(early).unwrap() <= Duration::from_secs(5));
}

async fn serves_ranges(store: &Store) {
    let object = original("range");
    put(store, &object, b"0123456789", Condition::Absent)
        .await
        .unwrap();
    for (asked, given, bytes) in [
        (0..1, 0..1, "0"),
        (3..7, 3..7, "3456"),
        (9..u64::MAX, 9..10, "9"),
        (0..10, 0..10, "0123456789"),
    ] {
        let get = store
            .get(&object, Some(asked), None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (get.range.clone(), get.body.len()),
            (given.clone(), given.end - given.start)
        );
        assert_eq!(get.meta.size, 10);
        assert_eq!(get.body.into_bytes(10).await.unwrap(), bytes);
    }
    for asked in [10..11, u64::MAX - 1..u64::MAX, 5..5] {
        let outcome = store.get(&object, Some(asked), None).await;
        assert!(matches!(
            outcome,
            Err(Error::RangeNotSatisfiable { size: 10 })
        ));
    }
    store.delete(&object, &Condition::Any).await.unwrap();
}

async fn streams_in_bounded_chunks(store: &Store) {
    let object = original("large");
    let bytes: Vec<u8> = (0..3 * CHUNK_BYTES + 17)
        .map(|i| (i * 31 % 251) as u8)
        .collect();
    put(store, &object, &bytes, Condition::Absent)
        .await
        .unwrap();
    let mut body = store
        .get(&object, Some(5..bytes.len() as u64), None)
        .await
        .unwrap()
        .unwrap()
        .body;
    // What was opened stays what it was.
    put(store, &object, b"replaced", Condition::Any)
        .await
        .unwrap();
    store.delete(&object, &Condition::Any).await.unwrap();

    let mut streamed = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.unwrap();
        assert!((1..=CHUNK_BYTES).contains(&chunk.len()));
        streamed.extend_from_slice(&chunk);
    }
    assert_eq!(streamed, bytes[5..]);

    put(store, &object, &bytes, Condition::Absent)
        .await
        .unwrap();
    let body = store.get(&object, None, None).await.unwrap().unwrap().body;
    let limit = bytes.len() as u64 - 1;
    let outcome = body.into_bytes(limit).await;
    assert!(
        matches!(outcome, Err(Error::TooLarge { size, limit: l }) if size == limit + 1 && l == limit)
    );
    store.delete(&object, &Condition::Any).await.unwrap();
}

async fn takes_files_as_well_as_bytes(store: &Store) {
    let elsewhere = tempfile::tempdir().unwrap();
    for folder in [Some(elsewhere.path().to_owned()), store.spool_dir()]
        .into_iter()
        .flatten()
    {
        let path = folder.join("spool-conformance");
        std::fs::write(&path, b"spooled").unwrap();
        let source = |len| Source::File { path: &path, len };
        let (none, any) = (Attributes::default(), Condition::Any);
        for key in ["spooled/1", "spooled/2"] {
            let meta = store
                .put(&original(key), source(7), &any, &none)
                .await
                .unwrap();
            assert_eq!(meta.size, 7);
        }
        assert!(
            path.exists(),
            "the spooled file stays its owner's to remove"
        );
        std::fs::remove_file(&path).unwrap();

        // The two are files of their own.
        let [one, two] = ["spooled/1", "spooled/2"].map(original);
        put(store, &one, b"other", any.clone()).await.unwrap();
        assert_eq!(read(store, &two).await.unwrap(), "spooled");
        for object in [&one, &two] {
            store.delete(object, &any).await.unwrap();
        }

        std::fs::write(&path, b"cut").unwrap();
        let outcome = store.put(&one, source(7), &any, &none).await;
        assert!(matches!(
            outcome,
            Err(Error::SourceChanged {
                announced: 7,
                actual: 3
            })
        ));
        assert!(store.head(&one).await.unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
    }
}

async fn copies(store: &Store) {
    let [from, to] = ["copy/from", "copy/to"].map(|key| Key::parse(key).unwrap());
    let attributes = Attributes {
        nonce: Some("n".into()),
        ..Attributes::default()
    };
    let copy = |attributes| store.copy(&from, &to, &Condition::Absent, attributes);
    assert!(matches!(copy(&attributes).await, Err(Error::NotFound)));

    let [source, target] = [&from, &to].map(|key| Object::Original(key.clone()));
    put(store, &source, b"bytes", Condition::Absent)
        .await
        .unwrap();
    let meta = copy(&attributes).await.unwrap();
    assert_eq!(meta.attributes, attributes);
    let another = Attributes::default();
    assert_eq!(refused(copy(&another).await), Some(meta.etag));
    put(store, &source, b"changed", Condition::Any)
        .await
        .unwrap();
    assert_eq!(read(store, &target).await.unwrap(), "bytes");
    for object in [source, target] {
        store.delete(&object, &Condition::Any).await.unwrap();
    }
}

async fn lists_originals_in_the_order_of_their_bytes(store: &Store) {
    let keys = [
        "a-b/x",
        "a.jpg",
        "a/1",
        "a/2/deep/er",
        "a/2/x",
        "a/3",
        "a0",
        "b",
        "c/1",
        "c/d/e",
        "Ü/獅",
        "\u{10000}/x",
    ];
    for key in keys {
        put(store, &original(key), key.as_bytes(), Condition::Absent)
            .await
            .unwrap();
    }
    put(
        store,
        &Object::Record(HexId([1; 32])),
        b"{}",
        Condition::Any,
    )
    .await
    .unwrap();

    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    for limit in [1, 2, 3, 5, 100] {
        assert_eq!(all(store, "", false, limit).await, sorted, "limit {limit}");
    }
    assert_eq!(
        all(store, "a/", false, 2).await,
        ["a/1", "a/2/deep/er", "a/2/x", "a/3"]
    );
    assert_eq!(
        all(store, "a", false, 2).await[..3],
        ["a-b/x", "a.jpg", "a/1"]
    );
    assert_eq!(all(store, "a/2", false, 2).await, ["a/2/deep/er", "a/2/x"]);
    for limit in [1, 2, 100] {
        assert_eq!(
            all(store, "", true, limit).await,
            ["a-b/", "a.jpg", "a/", "a0", "b", "c/", "Ü/", "\u{10000}/"]
        );
        assert_eq!(all(store, "a/", true, limit).await, ["a/1", "a/2/", "a/3"]);
        assert_eq!(
            all(store, "a", true, limit).await,
            ["a-b/", "a.jpg", "a/", "a0"]
        );
    }
    for prefix in [
        "nothing/",
        "a/1/",
        ".tintype/",
        ".tintype/records/",
        "../",
        "a/../",
        "a//",
        "/",
    ] {
        assert_eq!(all(store, prefix, false, 10).await, [""; 0], "{prefix:?}");
        assert_eq!(all(store, prefix, true, 10).await, [""; 0], "{prefix:?}");
    }
    // A cursor is a place, not an entry: it holds when the entry is gone, and new ones may join.
    let page = store.list("", false, None, 2).await.unwrap();
    store
        .delete(&original("a.jpg"), &Condition::Any)
        .await
        .unwrap();
    let page = store
        .list("", false, page.cursor.as_deref(), 1)
        .await
        .unwrap();
    assert_eq!(page.files[0].key.as_str(), "a/1");

    let listed = &store.list("b", false, None, 10).await.unwrap().files[0];
    let meta = store.head(&original("b")).await.unwrap().unwrap();
    assert_eq!(
        (listed.size, &listed.etag, listed.modified),
        (meta.size, &meta.etag, meta.modified)
    );
    for key in keys {
        store.delete(&original(key), &Condition::Any).await.unwrap();
    }
    assert_eq!(
        all(store, "", true, 10).await,
        [""; 0],
        "no empty folders are left behind"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// The disk walks a tree where the memory store walks a sorted map.
    #[test]
    fn the_disk_lists_what_the_memory_store_lists(
        keys in proptest::collection::btree_set("[ab.0-]{1,2}(/[ab.0-]{1,2}){0,3}", 1..20),
        prefix in "([ab.]{1,2}/){0,2}[ab.]{0,2}",
        cursor in "[ab.0/]{0,4}",
        delimiter: bool,
        limit in 1_usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let disk = Store::open(&StoreUrl::disk(folder.path())).await.unwrap();
            let memory = Store::open(&StoreUrl::Memory).await.unwrap();
            for key in keys.iter().filter_map(|key| Key::parse(key).ok()) {
                let object = Object::Original(key);
                // A key below another can only be in memory.
                if put(&disk, &object, b"x", Condition::Absent).await.is_ok() {
                    put(&memory, &object, b"x", Condition::Absent).await.unwrap();
                }
            }
            let all = async |store| all(store, &prefix, delimiter, limit).await;
            assert_eq!(all(&disk).await, all(&memory).await);
            let page = async |store: &Store| {
                let page = store.list(&prefix, delimiter, Some(&cursor), limit).await.unwrap();
                let files: Vec<_> = page.files.into_iter().map(|file| file.key).collect();
                // What a cursor says is each store's own business.
                (page.dirs, files, page.cursor.is_some())
            };
            assert_eq!(page(&disk).await, page(&memory).await);
        });
    }
}

/// Keys and folders of all pages, merged in the order of their bytes; each page keeps to `limit`.
async fn all(store: &Store, prefix: &str, delimiter: bool, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = store
            .list(prefix, delimiter, cursor.as_deref(), limit)
            .await
            .unwrap();
        assert!(page.files.len() + page.dirs.len() <= limit);
        let mut names: Vec<_> = page
            .files
            .into_iter()
            .map(|file| file.key.to_string())
            .chain(page.dirs)
            .collect();
        names.sort_unstable();
        assert!(
            all.last() < names.first() || names.is_empty(),
            "{all:?} then {names:?}"
        );
        all.extend(names);
        cursor = page.cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

async fn finds_its_own_objects_by_kind(store: &Store) {
    let blocks: BTreeSet<_> = (0..5)
        .flat_map(|n| {
            [
                BlockId::Key(HexId([n; 32])),
                BlockId::Sha256(HexId([n; 32])),
            ]
        })
        .collect();
    for block in &blocks {
        put(store, &Object::Block(*block), b"{}", Condition::Absent)
            .await
            .unwrap();
    }
    assert_eq!(
        BTreeSet::from_iter(store.list_blocks().await.unwrap()),
        blocks
    );

    let outbox = ["1-a", "2-b", "3-c"].map(|id| Object::Outbox(OutboxId::parse(id).unwrap()));
    for object in outbox.iter().rev() {
        put(store, object, b"{}", Condition::Absent).await.unwrap();
    }
    let page = store.list_kind(Kind::Outbox, None, 2).await.unwrap();
    assert_eq!(page.objects, outbox[..2]);
    let page = store
        .list_kind(Kind::Outbox, page.cursor.as_deref(), 2)
        .await
        .unwrap();
    assert_eq!((page.objects, page.cursor), (outbox[2..].to_vec(), None));
    assert!(
        store
            .list_kind(Kind::Idem, None, 10)
            .await
            .unwrap()
            .objects
            .is_empty()
    );

    for object in blocks.into_iter().map(Object::Block).chain(outbox) {
        assert!(store.delete(&object, &Condition::Any).await.unwrap());
    }
    assert!(store.list_blocks().await.unwrap().is_empty());
}

/// What tidies up has to find everything, a page at a time, with its size and age.
async fn surveys_records_and_variants(store: &Store) {
    let began = SystemTime::now();
    let records = [1, 2, 3].map(|n| Object::Record(HexId([n; 32])));
    let variants = [(1, 1), (1, 2), (2, 1), (4, 9), (5, 1)]
        .map(|(original, id)| Object::Variant(HexId([original; 32]), HexId([id; 16])));
    for (kind, objects) in [(Kind::Record, &records[..]), (Kind::Variant, &variants[..])] {
        for (size, object) in objects.iter().enumerate() {
            put(store, object, &vec![b'x'; size], Condition::Any)
                .await
                .unwrap();
        }
        for limit in 1..=objects.len() + 1 {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.survey(kind, cursor.as_deref(), limit).await.unwrap();
                assert!(page.objects.len() <= limit);
                found.extend(page.objects);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            let names: Vec<_> = found.iter().map(|own| own.object.clone()).collect();
            assert_eq!(names, objects, "{kind:?} in pages of {limit}");
            for (size, own) in found.iter().enumerate() {
                assert_eq!(own.size, size as u64);
                // Times of some stores are whole seconds.
                assert!(own.modified + Duration::from_secs(2) > began);
            }
        }
        for object in objects {
            assert!(store.delete(object, &Condition::Any).await.unwrap());
        }
        assert_eq!(
            store.survey(kind, None, 10).await.unwrap().objects,
            [],
            "{kind:?}"
        );
    }
}

async fn deletes_the_variants_of_one_original(store: &Store) {
    let variant = |original, id| Object::Variant(HexId([original; 32]), HexId([id; 16]));
    for (original, id) in [(1, 1), (1, 2), (2, 1)] {
        put(store, &variant(original, id), b"jpeg", Condition::Any)
            .await
            .unwrap();
    }
    assert_eq!(store.delete_prefix(&HexId([1; 32])).await.unwrap(), 2);
    assert_eq!(store.delete_prefix(&HexId([1; 32])).await.unwrap(), 0);
    assert!(store.head(&variant(1, 1)).await.unwrap().is_none());
    assert_eq!(read(store, &variant(2, 1)).await.unwrap(), "jpeg");
    put(store, &variant(1, 1), b"again", Condition::Any)
        .await
        .unwrap();
    store.delete_prefix(&HexId([1; 32])).await.unwrap();
    store.delete_prefix(&HexId([2; 32])).await.unwrap();
}

async fn one_of_many_creators_wins(store: &Store) {
    let object = original("race/create");
    let contents: Vec<String> = (0..32).map(|n| format!("writer {n}")).collect();
    let writers = contents
        .iter()
        .map(|bytes| put(store, &object, bytes.as_bytes(), Condition::Absent));
    let outcomes = futures_util::future::join_all(writers).await;
    let winners: Vec<_> = (0..32).filter(|&n| outcomes[n].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(read(store, &object).await.unwrap(), contents[winners[0]]);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        refused(outcome);
    }
    store.delete(&object, &Condition::Any).await.unwrap();
}

async fn counts_what_it_is_asked(store: &Store) {
    let counts = || {
        let counts = store.counts();
        [
            counts.gets(),
            counts.heads(),
            counts.puts(),
            counts.deletes(),
            counts.lists(),
        ]
    };
    let before = counts();
    let object = original("counted");
    put(store, &object, b"1", Condition::Absent).await.unwrap();
    refused(put(store, &object, b"2", Condition::Absent).await);
    store.head(&object).await.unwrap();
    read(store, &object).await.unwrap();
    store.list("", false, None, 1).await.unwrap();
    store.delete(&object, &Condition::Any).await.unwrap();
    let asked: Vec<_> = counts()
        .iter()
        .zip(before)
        .map(|(now, then)| now - then)
        .collect();
    assert_eq!(asked, [1, 1, 2, 1, 1]);
}
