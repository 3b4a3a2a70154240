//! A body is accepted whole or not at all, space is never reserved twice, and nothing is left behind however the
//! request ends.

use std::convert::Infallible;
use std::fs;
use std::io::{Read, Seek};
use std::path::Path;

use futures_util::stream;
use sha2::{Digest, Sha256};

use super::*;

const QUOTA: u64 = 64 * 1024 * 1024;
const LIMIT: u64 = u64::MAX;

fn spool(folder: &Path) -> Spool {
    Spool::new(folder, QUOTA).unwrap()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 131 % 251) as u8).collect()
}

fn body(bytes: &[u8], chunk: usize) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::iter(
        bytes
            .chunks(chunk)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect::<Vec<_>>(),
    )
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_body_comes_out_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    for (len, chunk) in [
        (0, 1),
        (1, 1),
        (HEAD_BYTES, 1000),
        (HEAD_BYTES + 1, 1000),
        (BATCH_BYTES, BATCH_BYTES),
        (BATCH_BYTES + 1, 1),
        (5 * BATCH_BYTES + 3, 70_000),
        (3 * BATCH_BYTES, 3 * BATCH_BYTES),
    ] {
        let sent = bytes(len);
        for declared in [None, Some(len as u64)] {
            let reservation = spool.reserve(declared).unwrap();
            let spooled = reservation
                .write(body(&sent, chunk), LIMIT, &ExpectedDigests::default())
                .await
                .unwrap();
            assert_eq!(spooled.len(), len as u64);
            assert_eq!(spooled.head()[..], sent[..len.min(HEAD_BYTES)]);
            assert_eq!(spooled.digests().sha256.0[..], Sha256::digest(&sent)[..]);
            assert_eq!(spooled.read().unwrap(), sent);
            let mut read = Vec::new();
            let mut reader = spooled.reader().unwrap();
            reader.seek_relative(len as i64 / 2).unwrap();
            reader.read_to_end(&mut read).unwrap();
            assert_eq!(read, sent[len / 2..]);
            assert_eq!(
                files(folder.path()),
                usize::from(len > HEAD_BYTES),
                "small bodies need no file"
            );
            assert!(spool.reserved_bytes() >= len as u64);
            drop(spooled);
            assert_eq!((files(folder.path()), spool.reserved_bytes()), (0, 0));
        }
    }
}

#[tokio::test]
async fn requested_digests_are_computed() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let mut headers = http::HeaderMap::new();
    headers.insert("content-md5", "XUFAKrxLKna5cZ2REBfFkg==".parse().unwrap());
    let expected = ExpectedDigests::from_headers(&headers).unwrap();
    let write = async |sent: &[u8]| {
        spool
            .reserve(None)
            .unwrap()
            .write(body(sent, 3), LIMIT, &expected)
            .await
            .unwrap()
    };
    assert!(expected.verify(write(b"hello").await.digests()).is_ok());
    assert!(expected.verify(write(b"hullo").await.digests()).is_err());
}

#[tokio::test]
async fn space_is_promised_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let half = spool.reserve(Some(QUOTA / 2)).unwrap();
    let full = SpoolFull { quota: QUOTA };
    assert_eq!(spool.reserve(Some(QUOTA / 2 + 1)).unwrap_err(), full);
    assert_eq!(spool.reserve(Some(u64::MAX)).unwrap_err(), full);
    let other = spool.reserve(Some(QUOTA / 2)).unwrap();
    assert_eq!(spool.reserve(None).unwrap_err(), full);
    assert_eq!(spool.reserve(Some(1)).unwrap_err(), full);
    drop((half, other));
    assert_eq!(spool.reserved_bytes(), 0);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused_when_space_runs_out() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let room = 3 * BATCH_BYTES;
    let _others = spool.reserve(Some(QUOTA - room as u64)).unwrap();
    for (len, fits) in [(room, true), (room + 1, false)] {
        let reservation = spool.reserve(None).unwrap();
        let outcome = reservation
            .write(body(&bytes(len), 9_999), LIMIT, &ExpectedDigests::default())
            .await;
        match outcome.map(drop) {
            Ok(()) => assert!(fits),
            Err(Error::Full(_)) => assert!(!fits),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(spool.reserved_bytes(), QUOTA - room as u64);
    }
    gone(folder.path()).await;
}

#[tokio::test]
async fn a_body_that_is_not_what_was_declared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let write = async |declared, limit| {
        let sent = bytes(BATCH_BYTES * 2);
        let reservation = spool.reserve(declared).unwrap();
        reservation
            .write(body(&sent, 1000), limit, &ExpectedDigests::default())
            .await
    };
    let len = 2 * BATCH_BYTES as u64;
    assert!(write(Some(len), len).await.is_ok());
    assert!(
        matches!(write(Some(len - 1), LIMIT).await, Err(Error::Length { declared, .. }) if declared == len - 1)
    );
    assert!(
        matches!(write(Some(len + 1), LIMIT).await, Err(Error::Length { received, .. }) if received == len)
    );
    assert!(
        matches!(write(Some(len), len - 1).await, Err(Error::TooLarge { limit }) if limit == len - 1)
    );
    assert!(matches!(
        write(None, len - 1).await,
        Err(Error::TooLarge { .. })
    ));
    gone(folder.path()).await;
    assert_eq!(spool.reserved_bytes(), 0);
}

#[tokio::test]
async fn nothing_is_left_of_a_body_that_fails_or_is_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let chunks = || (0..8).map(|_| Ok(Bytes::from(bytes(BATCH_BYTES))));
    let failing = stream::iter(chunks().chain([Err("the client went away")]));
    let outcome = spool
        .reserve(None)
        .unwrap()
        .write(failing, LIMIT, &ExpectedDigests::default())
        .await;
    assert!(matches!(outcome, Err(Error::Body("the client went away"))));
    gone(folder.path()).await;

    let stalling = stream::iter(chunks()).chain(stream::pending::<Result<Bytes, &str>>());
    let (spool_2, seen) = (spool.clone(), folder.path().to_owned());
    let request = tokio::spawn(async move {
        let reservation = spool_2.reserve(None).unwrap();
        reservation
            .write(stalling, LIMIT, &ExpectedDigests::default())
            .await
            .map(|_| ())
    });
    until(|| files(&seen) == 1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    gone(folder.path()).await;
    assert_eq!(spool.reserved_bytes(), 0);
}

#[tokio::test]
async fn leftovers_of_the_dead_are_swept_and_those_of_the_living_kept() {
    let folder = tempfile::tempdir().unwrap();
    let first = spool(folder.path());
    let sent = bytes(HEAD_BYTES + 1);
    let live = first.reserve(None).unwrap();
    let live = live
        .write(body(&sent, 1000), LIMIT, &ExpectedDigests::default())
        .await
        .unwrap();
    let old = SystemTime::now() - 2 * YOUNG;
    for name in ["spool-dead", "spool-young", "somebody-else"] {
        fs::write(folder.path().join(name), b"x").unwrap();
    }
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("spool-young") {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
    }
    spool(folder.path());
    assert!(!folder.path().join("spool-dead").exists());
    assert_eq!(files(folder.path()), 3);
    assert_eq!(live.read().unwrap(), sent);
}

#[tokio::test]
async fn a_spooled_file_is_linked_into_a_store_on_the_same_disk() {
    use std::os::unix::fs::MetadataExt;
    use tintype_store::{Attributes, Condition, Key, Object, Store, StoreUrl};

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreUrl::disk(folder.path())).await.unwrap();
    let spool = spool(&store.spool_dir().unwrap());
    let sent = bytes(BATCH_BYTES);
    let spooled = spool.reserve(Some(sent.len() as u64)).unwrap();
    let spooled = spooled
        .write(body(&sent, 1000), LIMIT, &ExpectedDigests::default())
        .await
        .unwrap();
    let WriteSource::File { path, .. } = spooled.source() else {
        panic!("kept in memory")
    };
    let inode = fs::metadata(path).unwrap().ino();
    let object = Object::Original(Key::parse("a/b").unwrap());
    store
        .put(
            &object,
            spooled.source(),
            &Condition::Absent,
            &Attributes::default(),
        )
        .await
        .unwrap();
    drop(spooled);
    let stored = folder.path().join("a/b");
    assert_eq!(fs::metadata(&stored).unwrap().ino(), inode);
    assert_eq!(fs::read(&stored).unwrap(), sent);
    assert_eq!(files(&store.spool_dir().unwrap()), 0);
}

/// A write in progress when its request ends is finished first, then its file is removed.
async fn gone(folder: &Path) {
    until(|| files(folder) == 0).await;
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("did not come about within 10 s");
}

/// Walking through a file takes many small steps: otherwise each would read a whole buffer again.
#[tokio::test]
async fn a_small_step_keeps_the_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let bytes = bytes(8 * BATCH_BYTES);
    let reservation = spool.reserve(None).unwrap();
    let spooled = reservation
        .write(
            body(&bytes, BATCH_BYTES),
            LIMIT,
            &ExpectedDigests::default(),
        )
        .await
        .unwrap();
    let mut reader = spooled.reader().unwrap();
    reader.read_exact(&mut [0; 8]).unwrap();
    reader.seek_relative(100).unwrap();
    let reader::SpooledReader::File(file) = &reader else {
        panic!("so large a body is in a file");
    };
    assert!(!file.buffer().is_empty());
    assert_eq!(file.buffer()[0], bytes[108]);
}
