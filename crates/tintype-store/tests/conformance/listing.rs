//! Listings, in order and by kind.

use super::*;

pub(crate) async fn lists_originals_in_the_order_of_their_bytes(store: &Store) {
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
        "a\0",
        "a/\0/",
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
    // A cursor is a position, not an entry: it stays valid when the entry is deleted, and new ones may be added.
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
                // A key below another can only exist in memory.
                if put(&disk, &object, b"x", Condition::Absent).await.is_ok() {
                    put(&memory, &object, b"x", Condition::Absent).await.unwrap();
                }
            }
            let all = async |store| all(store, &prefix, delimiter, limit).await;
            assert_eq!(all(&disk).await, all(&memory).await);
            let page = async |store: &Store| {
                let page = store.list(&prefix, delimiter, Some(&cursor), limit).await.unwrap();
                let files: Vec<_> = page.files.into_iter().map(|file| file.key).collect();
                // The content of a cursor is up to each store.
                (page.dirs, files, page.cursor.is_some())
            };
            assert_eq!(page(&disk).await, page(&memory).await);
        });
    }
}

/// Keys and folders of all pages, merged in byte order; each page keeps to `limit`.
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

pub(crate) async fn finds_its_own_objects_by_kind(store: &Store) {
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
    let page = store.list_kind(ObjectKind::Outbox, None, 2).await.unwrap();
    assert_eq!(page.objects, outbox[..2]);
    let page = store
        .list_kind(ObjectKind::Outbox, page.cursor.as_deref(), 2)
        .await
        .unwrap();
    assert_eq!((page.objects, page.cursor), (outbox[2..].to_vec(), None));
    assert!(
        store
            .list_kind(ObjectKind::Idem, None, 10)
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

/// Clean-up has to find everything, a page at a time, with its size and age.
pub(crate) async fn surveys_records_and_variants(store: &Store) {
    let began = SystemTime::now();
    let records = [1, 2, 3].map(|n| Object::Record(HexId([n; 32])));
    let variants = [(1, 1), (1, 2), (2, 1), (4, 9), (5, 1)]
        .map(|(original, id)| Object::Variant(HexId([original; 32]), HexId([id; 16])));
    for (kind, objects) in [
        (ObjectKind::Record, &records[..]),
        (ObjectKind::Variant, &variants[..]),
    ] {
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
                // Some stores have times in whole seconds.
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

pub(crate) async fn deletes_the_variants_of_one_original(store: &Store) {
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
