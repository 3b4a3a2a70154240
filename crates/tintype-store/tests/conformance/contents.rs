//! Bytes are read back as written, in full or in part.

use super::*;

pub(crate) async fn reads_back_what_was_written(store: &Store, limits: &Limits) {
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

pub(crate) async fn serves_ranges(store: &Store) {
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

pub(crate) async fn streams_in_bounded_chunks(store: &Store) {
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
    // An open body keeps its version.
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

pub(crate) async fn takes_files_as_well_as_bytes(store: &Store) {
    let elsewhere = tempfile::tempdir().unwrap();
    for folder in [Some(elsewhere.path().to_owned()), store.spool_dir()]
        .into_iter()
        .flatten()
    {
        let path = folder.join("spool-conformance");
        std::fs::write(&path, b"spooled").unwrap();
        let source = |len| WriteSource::File { path: &path, len };
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

        // The two are separate files.
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

/// A copy keeps the content coding that another program has set.
async fn copies_as_packed(store: &Store) {
    let [from, to] = ["copy/packed", "copy/too"].map(|key| Key::parse(key).unwrap());
    let packed = Attributes {
        encoding: Some("gzip".into()),
        ..Attributes::default()
    };
    let source = WriteSource::Bytes(Bytes::from_static(b"packed"));
    let object = Object::Original(from.clone());
    let any = Condition::Any;
    store.put(&object, source, &any, &packed).await.unwrap();
    let told = store.copy(&from, &to, &any, &Attributes::default()).await;
    assert_eq!(told.unwrap().attributes, packed);
    let copy = Object::Original(to);
    let head = store.head(&copy).await.unwrap().unwrap();
    assert_eq!(head.attributes, packed);
    for object in [object, copy] {
        store.delete(&object, &any).await.unwrap();
    }
}

pub(crate) async fn copies(store: &Store) {
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
    copies_as_packed(store).await;
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
