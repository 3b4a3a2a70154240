//! Conditions of writing, replacing and deleting, and attributes.

use super::*;

pub(crate) async fn creates_a_name_once(store: &Store) {
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

pub(crate) async fn replaces_and_deletes_the_version_that_was_meant(store: &Store) {
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

pub(crate) async fn keeps_attributes_with_the_bytes(store: &Store) {
    let object = original("attributes/object");
    let attributes = Attributes {
        idempotency: Some("a1".into()),
        nonce: Some("b2".into()),
        sha256: Some(HexId(Sha256::digest(b"x").into())),
        encoding: Some("gzip".into()),
    };
    let source = || WriteSource::Bytes(Bytes::from_static(b"x"));
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

pub(crate) async fn one_of_many_creators_wins(store: &Store) {
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
