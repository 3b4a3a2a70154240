//! Files and folders: adopted trees stay as they were, unusual ones do no harm, and nothing leads out of the store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tempfile::TempDir;
use tintype_store::{
    Attributes, Condition, Error, HexId, Key, Meta, Object, Store, StoreUrl, WriteSource,
};

async fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    (folder, store)
}

async fn open(path: &Path) -> Result<Store, Error> {
    Store::open(&StoreUrl::disk(path)).await
}

fn original(key: &str) -> Object {
    Object::Original(Key::existing(key).unwrap())
}

async fn put(store: &Store, key: &str, condition: Condition) -> Result<Meta, Error> {
    let source = WriteSource::Bytes(Bytes::from_static(b"bytes"));
    store
        .put(&original(key), source, &condition, &Attributes::default())
        .await
}

async fn read(store: &Store, key: &str) -> Option<Bytes> {
    let get = store.get(&original(key), None, None).await.unwrap()?;
    Some(get.body.into_bytes(u64::MAX).await.unwrap())
}

async fn keys(store: &Store) -> Vec<String> {
    let page = store.list("", false, None, 1000).await.unwrap();
    page.files
        .into_iter()
        .map(|file| file.key.to_string())
        .collect()
}

fn make(path: impl AsRef<Path>, bytes: &str) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn originals_are_plain_files_under_their_own_names() {
    let (folder, store) = store().await;
    put(&store, "photos/2016/lion.jpg", Condition::Absent)
        .await
        .unwrap();
    let path = folder.path().join("photos/2016/lion.jpg");
    assert_eq!(fs::read(&path).unwrap(), b"bytes");
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(
        (metadata.nlink(), metadata.permissions().mode() & 0o444),
        (1, 0o444)
    );
    assert_eq!(
        fs::read_dir(folder.path().join(".tintype/tmp"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn an_adopted_tree_is_readable_and_its_versions_follow_its_files() {
    let (folder, store) = store().await;
    for key in ["a/b.jpg", "odd\\name\n", "\u{202e}x"] {
        make(folder.path().join(key), key);
        assert_eq!(read(&store, key).await.unwrap(), key);
    }
    assert_eq!(keys(&store).await, ["a/b.jpg", "odd\\name\n", "\u{202e}x"]);

    let before = store.head(&original("a/b.jpg")).await.unwrap().unwrap();
    assert_eq!(before.attributes, Attributes::default());
    let again = open(folder.path()).await.unwrap();
    assert_eq!(
        again.head(&original("a/b.jpg")).await.unwrap().unwrap(),
        before
    );
    fs::write(
        folder.path().join("a/b.jpg"),
        "rewritten by another program",
    )
    .unwrap();
    assert_ne!(
        store
            .head(&original("a/b.jpg"))
            .await
            .unwrap()
            .unwrap()
            .etag,
        before.etag
    );
}

#[tokio::test]
async fn links_are_read_inside_the_store_and_never_lead_out_of_it() {
    let (folder, store) = store().await;
    let outside = tempfile::tempdir().unwrap();
    make(outside.path().join("secret"), "secret");
    make(folder.path().join("in/side.jpg"), "inside");
    put(&store, "kept", Condition::Absent).await.unwrap();
    let record = Object::Record(HexId([1; 32]));
    let source = WriteSource::Bytes(Bytes::from_static(b"{}"));
    store
        .put(&record, source, &Condition::Any, &Attributes::default())
        .await
        .unwrap();

    for (link, target) in [
        ("file", outside.path().join("secret")),
        ("folder", outside.path().to_owned()),
        ("up", "../..".into()),
        ("own", ".tintype".into()),
        ("loop", "loop".into()),
        ("dangling", "nothing".into()),
        ("good.jpg", "in/side.jpg".into()),
        (
            "absolute.jpg",
            folder.path().canonicalize().unwrap().join("in/side.jpg"),
        ),
        ("also", "in".into()),
    ] {
        symlink(target, folder.path().join(link)).unwrap();
    }
    let own = format!("own/{}", record.path().strip_prefix(".tintype/").unwrap());
    let up = format!(
        "up/{}/secret",
        outside
            .path()
            .strip_prefix("/tmp")
            .unwrap_or(outside.path())
            .display()
    );
    for key in [
        "file",
        "folder/secret",
        "loop",
        "dangling",
        "own",
        "also",
        &own,
        &up.replace("//", "/"),
    ] {
        assert_eq!(read(&store, key).await, None, "{key}");
    }
    for key in ["good.jpg", "absolute.jpg", "also/side.jpg"] {
        assert_eq!(read(&store, key).await.unwrap(), "inside", "{key}");
    }
    assert_eq!(
        keys(&store).await,
        ["absolute.jpg", "good.jpg", "in/side.jpg", "kept"]
    );

    for key in ["folder/new", "also/new", "own/new"] {
        let outcome = put(&store, key, Condition::Any).await;
        assert!(
            matches!(outcome, Err(Error::ParentNotDirectory { .. })),
            "{outcome:?}"
        );
    }
    // A link at the name itself is replaced or removed, not what it points to.
    put(&store, "file", Condition::Any).await.unwrap();
    assert_eq!(read(&store, "file").await.unwrap(), "bytes");
    store
        .delete(&original("good.jpg"), &Condition::Any)
        .await
        .unwrap();
    assert_eq!(read(&store, "in/side.jpg").await.unwrap(), "inside");
    assert_eq!(
        fs::read_to_string(outside.path().join("secret")).unwrap(),
        "secret"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_name_that_the_disk_cannot_hold_is_refused_by_name() {
    let (folder, store) = store().await;
    put(&store, "file", Condition::Absent).await.unwrap();
    put(&store, "folder/file", Condition::Absent).await.unwrap();

    let outcome = put(&store, "file/below/it", Condition::Absent).await;
    assert!(matches!(outcome, Err(Error::ParentNotDirectory { parent }) if parent == "file"));
    assert_eq!(read(&store, "file/below/it").await, None);
    assert!(
        !store
            .delete(&original("file/below"), &Condition::Any)
            .await
            .unwrap()
    );

    assert!(matches!(
        put(&store, "folder", Condition::Any).await,
        Err(Error::IsDirectory)
    ));
    let outcome = put(&store, "folder", Condition::Absent).await;
    assert!(
        matches!(outcome, Err(Error::Precondition { current: None })),
        "the name is taken"
    );
    assert_eq!(read(&store, "folder").await, None);
    assert!(
        !store
            .delete(&original("folder"), &Condition::Any)
            .await
            .unwrap()
    );

    let long = "x".repeat(300);
    assert!(matches!(
        put(&store, &long, Condition::Any).await,
        Err(Error::KeyTooLong)
    ));
    assert!(matches!(
        put(&store, &format!("{long}/a"), Condition::Any).await,
        Err(Error::KeyTooLong)
    ));
    assert_eq!(read(&store, &long).await, None);

    for bucket_only in ["folder//file", "/file"] {
        assert_eq!(
            read(&store, bucket_only).await,
            None,
            "not another name for the same file"
        );
        let outcome = put(&store, bucket_only, Condition::Any).await;
        assert!(matches!(outcome, Err(Error::KeyNotStorable)));
        assert!(
            !store
                .delete(&original(bucket_only), &Condition::Any)
                .await
                .unwrap()
        );
    }
    assert_eq!(keys(&store).await, ["file", "folder/file"]);
    assert_eq!(
        fs::read_dir(folder.path().join(".tintype/tmp"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn other_kinds_of_files_do_not_exist() {
    let (folder, store) = store().await;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        0o644.into(),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    for key in ["pipe", "socket"] {
        assert_eq!(
            read(&store, key).await,
            None,
            "and reading it does not hang"
        );
        assert!(!store.delete(&original(key), &Condition::Any).await.unwrap());
    }
    assert_eq!(keys(&store).await, [""; 0]);
}

#[tokio::test]
async fn folders_that_a_delete_empties_are_removed_and_others_kept() {
    let (folder, store) = store().await;
    for key in ["a/b/c/1", "a/b/2", "x/1"] {
        put(&store, key, Condition::Absent).await.unwrap();
    }
    store
        .delete(&original("a/b/c/1"), &Condition::Any)
        .await
        .unwrap();
    assert!(!folder.path().join("a/b/c").exists());
    assert!(folder.path().join("a/b/2").exists());
    store
        .delete(&original("a/b/2"), &Condition::Any)
        .await
        .unwrap();
    store
        .delete(&original("x/1"), &Condition::Any)
        .await
        .unwrap();
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, [".tintype"]);
    put(&store, "a/b/c/1", Condition::Absent).await.unwrap();
}

#[tokio::test]
async fn a_page_reads_no_more_of_a_tree_than_it_needs() {
    let (folder, store) = store().await;
    // Far more empty folders than one page may open: it ends early, with a cursor to continue from.
    for n in 0..2_500 {
        fs::create_dir_all(folder.path().join(format!("tree/{n:04}"))).unwrap();
    }
    make(folder.path().join("tree/9999/file"), "x");
    let (mut pages, mut found, mut cursor) = (0, Vec::new(), None);
    loop {
        let page = store.list("", false, cursor.as_deref(), 10).await.unwrap();
        pages += 1;
        found.extend(page.files.into_iter().map(|file| file.key.to_string()));
        assert!(page.cursor != cursor || cursor.is_none(), "no progress");
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (vec!["tree/9999/file".to_owned()], 2));
}

#[tokio::test]
async fn only_our_own_old_temporary_files_are_swept() {
    let (folder, _) = store().await;
    let tmp = folder.path().join(".tintype/tmp");
    // A process that is restarted again and again leaves some each time.
    let old = SystemTime::now() - Duration::from_secs(2 * 60);
    for (name, modified) in [
        ("put-old", old),
        ("spool-old", old),
        ("put-new", SystemTime::now()),
        ("somebody-elses-old", old),
    ] {
        File::create(tmp.join(name))
            .unwrap()
            .set_modified(modified)
            .unwrap();
    }
    let in_use = ["put-in-use", "spool-in-use"].map(|name| {
        let file = File::create(tmp.join(name)).unwrap();
        file.set_modified(old).unwrap();
        file.lock().unwrap();
        file
    });
    let store = open(folder.path()).await.unwrap();
    let left = || {
        let entries = fs::read_dir(&tmp).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let kept = [
        "put-in-use",
        "put-new",
        "somebody-elses-old",
        "spool-in-use",
    ];
    assert_eq!(left(), kept);

    // Also while it runs, but never a file that may still be written.
    let file = File::create(tmp.join("put-minutes-old")).unwrap();
    file.set_modified(old).unwrap();
    assert_eq!(store.sweep_leftovers().await.unwrap(), 1);
    assert_eq!(store.sweep_uploads(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(left(), kept);
    drop(in_use);
    assert_eq!(store.sweep_leftovers().await.unwrap(), 2);
}

#[tokio::test]
async fn a_missing_store_is_noticed() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("media");
    let store = open(&root).await.unwrap();
    store.check().await.unwrap();
    fs::rename(&root, parent.path().join("elsewhere")).unwrap();
    assert!(matches!(
        store.check().await,
        Err(Error::Unavailable { .. })
    ));
    let key = original("a.txt");
    assert!(matches!(
        store.head(&key).await,
        Err(Error::Unavailable { .. })
    ));
    // Another one in its place is the store from then on.
    fs::create_dir(&root).unwrap();
    store.check().await.unwrap();
    store.check_writes().await.unwrap();
    assert_eq!(store.head(&key).await.unwrap(), None);
    let source = WriteSource::Bytes("bytes".into());
    let none = Attributes::default();
    store
        .put(&key, source, &Condition::Any, &none)
        .await
        .unwrap();
    assert!(root.join("a.txt").exists());
    // So is one that was emptied.
    fs::remove_dir_all(root.join(".tintype")).unwrap();
    store.check_writes().await.unwrap();

    // A service does not create what may be a mount that was forgotten.
    let mut settings = match tintype_store::StoreUrl::disk(parent.path().join("missing")) {
        tintype_store::StoreUrl::Disk(settings) => settings,
        other => unreachable!("{other}"),
    };
    settings.make = false;
    let missing = tintype_store::StoreUrl::Disk(settings);
    assert!(matches!(
        Store::open(&missing).await,
        Err(Error::Unfit { .. })
    ));
    assert!(!parent.path().join("missing").exists());

    assert!(open(&parent.path().join("not/mounted")).await.is_err());
    make(parent.path().join("file"), "x");
    assert!(open(&parent.path().join("file")).await.is_err());
}
