//! An overlay behaves like one store that began with the content of the lower one, and the lower one is never
//! written to.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use proptest::prelude::*;
use tintype_store::{
    Attributes, BlockId, Condition, ETag, Error, HexId, Key, Object, ObjectKind, Overlay, Store,
    StoreUrl, WriteSource,
};

const KEYS: [&str; 7] = ["a", "b/1", "b/2", "b/c/1", "b-1", "c/1", "d"];

async fn memory() -> Store {
    Store::open(&StoreUrl::Memory).await.unwrap()
}

fn original(key: &str) -> Object {
    Object::Original(Key::parse(key).unwrap())
}

async fn put(
    store: &Store,
    object: &Object,
    text: &str,
    condition: &Condition,
) -> Result<ETag, Error> {
    let source = WriteSource::Bytes(Bytes::copy_from_slice(text.as_bytes()));
    let nothing = Attributes::default();
    let written = store.put(object, source, condition, &nothing).await;
    written.map(|meta| meta.etag)
}

async fn read(store: &Store, object: &Object) -> Option<Bytes> {
    let get = store.get(object, None, None).await.unwrap()?;
    Some(get.body.into_bytes(u64::MAX).await.unwrap())
}

async fn etag(store: &Store, object: &Object) -> Option<ETag> {
    store.head(object).await.unwrap().map(|meta| meta.etag)
}

/// An overlay with some originals in the lower store and none in the upper one.
async fn overlay(below: &[&str]) -> Store {
    let lower = memory().await;
    fill(&lower, below).await;
    Store::Overlay(Overlay::new(memory().await, lower.into()))
}

async fn fill(store: &Store, keys: &[&str]) {
    for key in keys {
        let text = format!("{key} from below");
        put(store, &original(key), &text, &Condition::Absent)
            .await
            .unwrap();
    }
}

fn writes_below(store: &Store) -> u64 {
    let Store::Overlay(overlay) = store else {
        panic!("not an overlay");
    };
    overlay.lower().requests().puts() + overlay.lower().requests().deletes()
}

#[derive(Clone, Debug)]
enum On {
    Any,
    Absent,
    /// The current version, if there is one.
    Current,
    Outdated,
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, On),
    Delete(usize, On),
    Copy(usize, usize, On),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let on = || {
        prop_oneof![
            Just(On::Any),
            Just(On::Absent),
            Just(On::Current),
            Just(On::Outdated)
        ]
    };
    let key = || 0..KEYS.len();
    let step = prop_oneof![
        (key(), on()).prop_map(|(key, on)| Step::Put(key, on)),
        (key(), on()).prop_map(|(key, on)| Step::Delete(key, on)),
        (key(), key(), on()).prop_map(|(from, to, on)| Step::Copy(from, to, on)),
    ];
    prop::collection::vec(step, 1..20)
}

async fn condition(store: &Store, object: &Object, on: &On) -> Condition {
    let never = ETag::new("never");
    match on {
        On::Any => Condition::Any,
        On::Absent => Condition::Absent,
        On::Current => Condition::Match(etag(store, object).await.unwrap_or(never)),
        On::Outdated => Condition::Match(never),
    }
}

/// The result of a step, in words that do not depend on the store.
async fn take(store: &Store, step: &Step, number: usize) -> String {
    let outcome = match step {
        Step::Put(key, on) => {
            let object = original(KEYS[*key]);
            let condition = condition(store, &object, on).await;
            let put = put(store, &object, &format!("step {number}"), &condition).await;
            put.map(|_| "written".to_owned())
        }
        Step::Delete(key, on) => {
            let object = original(KEYS[*key]);
            let condition = condition(store, &object, on).await;
            let deleted = store.delete(&object, &condition).await;
            deleted.map(|there| format!("deleted {there}"))
        }
        Step::Copy(from, to, on) => {
            let condition = condition(store, &original(KEYS[*to]), on).await;
            let [from, to] = [from, to].map(|at| Key::parse(KEYS[*at]).unwrap());
            let nothing = Attributes::default();
            let copied = store.copy(&from, &to, &condition, &nothing).await;
            copied.map(|_| "copied".to_owned())
        }
    };
    match outcome {
        Ok(text) => text,
        Err(Error::Precondition { current }) => format!("refused, {}", current.is_some()),
        Err(error) => format!("{error:?}"),
    }
}

async fn listing(store: &Store, prefix: &str, delimiter: bool, limit: usize) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = store
            .list(prefix, delimiter, cursor.as_deref(), limit)
            .await
            .unwrap();
        let files = page.files.iter().map(|listed| listed.key.to_string());
        let mut found: Vec<_> = files.chain(page.dirs).collect();
        assert!(found.len() <= limit);
        found.sort();
        names.extend(found);
        cursor = page.cursor;
        if cursor.is_none() {
            return names;
        }
    }
}

proptest! {
    #[test]
    fn it_is_one_store_to_whoever_uses_it(
        steps in steps(),
        below in prop::sample::subsequence(KEYS.to_vec(), 0..=KEYS.len()),
        limit in 1_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (one, two) = (memory().await, overlay(&below).await);
            fill(&one, &below).await;
            let before = writes_below(&two);
            for (number, step) in steps.iter().enumerate() {
                assert_eq!(take(&two, step, number).await, take(&one, step, number).await, "{step:?}");
            }
            for key in KEYS {
                let object = original(key);
                assert_eq!(read(&two, &object).await, read(&one, &object).await, "{key}");
                assert_eq!(etag(&two, &object).await.is_some(), etag(&one, &object).await.is_some());
            }
            for (prefix, delimiter) in [("", false), ("b", false), ("b/", true)] {
                let expected = listing(&one, prefix, delimiter, limit).await;
                assert_eq!(listing(&two, prefix, delimiter, limit).await, expected);
            }
            assert_eq!(writes_below(&two), before);
        });
    }
}

#[tokio::test]
async fn etags_say_from_where_an_object_comes() {
    let store = overlay(&["a"]).await;
    let object = original("a");
    let below = etag(&store, &object).await.unwrap();
    let page = store.list("", false, None, 10).await.unwrap();
    assert_eq!(page.files[0].etag, below);
    // Both stores have the same ETag for their first write.
    let above = put(&store, &object, "mine", &Condition::Match(below.clone()))
        .await
        .unwrap();
    assert_ne!(above, below);
    let outdated = store.get(&object, None, Some(&below)).await;
    assert!(matches!(outdated, Err(Error::Precondition { .. })));
    let refused = store.delete(&object, &Condition::Match(below)).await;
    assert!(matches!(refused, Err(Error::Precondition { .. })));
    let page = store.list("", false, None, 10).await.unwrap();
    assert_eq!(page.files[0].etag, above);
    let range = store.get(&object, Some(1..3), Some(&above)).await.unwrap();
    let range = range.unwrap().body.into_bytes(9).await.unwrap();
    assert_eq!(range, "in");
}

#[tokio::test]
async fn originals_deleted_here_stay_deleted() {
    let store = overlay(&["a"]).await;
    let (object, record) = (
        original("a"),
        Object::Record(Key::parse("a").unwrap().hash()),
    );
    let any = Condition::Any;
    assert!(store.delete(&object, &any).await.unwrap());
    assert!(!store.delete(&object, &any).await.unwrap());
    put(&store, &object, "mine", &Condition::Absent)
        .await
        .unwrap();
    put(&store, &record, "{}", &Condition::Absent)
        .await
        .unwrap();
    assert!(store.delete(&object, &any).await.unwrap());
    assert_eq!(read(&store, &object).await, None);
    assert!(
        store
            .list("", false, None, 10)
            .await
            .unwrap()
            .files
            .is_empty()
    );
}

#[tokio::test]
async fn records_are_read_from_below_until_one_is_written() {
    let lower = memory().await;
    fill(&lower, &["a"]).await;
    let record = Object::Record(Key::parse("a").unwrap().hash());
    put(&lower, &record, "theirs", &Condition::Any)
        .await
        .unwrap();
    let store = Store::Overlay(Overlay::new(memory().await, lower.into()));
    assert_eq!(read(&store, &record).await.unwrap(), "theirs");
    let refused = put(&store, &record, "mine", &Condition::Absent).await;
    assert!(matches!(refused, Err(Error::Precondition { .. })));
    let theirs = etag(&store, &record).await.unwrap();
    put(&store, &record, "mine", &Condition::Match(theirs))
        .await
        .unwrap();
    assert_eq!(read(&store, &record).await.unwrap(), "mine");
    store.delete(&original("a"), &Condition::Any).await.unwrap();
    store.delete(&record, &Condition::Any).await.unwrap();
    assert_eq!(
        read(&store, &record).await,
        None,
        "it goes with its original"
    );
}

#[tokio::test]
async fn takedowns_of_both_stores_apply_and_lower_ones_cannot_be_lifted() {
    let [theirs, mine] = [1, 2].map(|n| Object::Block(BlockId::Sha256(HexId([n; 32]))));
    let lower = memory().await;
    put(&lower, &theirs, "{}", &Condition::Any).await.unwrap();
    let store = Store::Overlay(Overlay::new(memory().await, lower.into()));
    put(&store, &mine, "{}", &Condition::Any).await.unwrap();
    put(&store, &theirs, "{}", &Condition::Any).await.unwrap();
    assert_eq!(store.list_blocks().await.unwrap().len(), 2);
    assert!(store.delete(&mine, &Condition::Any).await.unwrap());
    let kept = store.delete(&theirs, &Condition::Any).await;
    assert!(matches!(kept, Err(Error::ReadOnly)), "{kept:?}");
    assert_eq!(store.list_blocks().await.unwrap().len(), 1);
    let own = store.list_kind(ObjectKind::Idem, None, 10).await.unwrap();
    assert!(own.objects.is_empty());
}

#[tokio::test]
async fn a_large_original_is_copied_up_whole() {
    let folder = tempfile::tempdir().unwrap();
    let [upper, lower] = ["upper", "lower"].map(|name| StoreUrl::disk(folder.path().join(name)));
    let lower = Store::open(&lower).await.unwrap();
    let bytes = Bytes::from_iter((0..5 << 20).map(|at: u32| (at >> 8) as u8));
    let (source, any) = (WriteSource::Bytes(bytes.clone()), Condition::Any);
    let nothing = Attributes::default();
    lower
        .put(&original("a"), source, &any, &nothing)
        .await
        .unwrap();
    let upper = Store::open(&upper).await.unwrap();
    let store = Store::Overlay(Overlay::new(upper, lower.into()));
    let [from, to] = ["a", "b/c"].map(|key| Key::parse(key).unwrap());
    store.copy(&from, &to, &any, &nothing).await.unwrap();
    assert_eq!(read(&store, &original("b/c")).await.unwrap(), bytes);
    let left = std::fs::read_dir(folder.path().join("upper/.tintype/tmp")).unwrap();
    assert_eq!(left.count(), 0);
}
