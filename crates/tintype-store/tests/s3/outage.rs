use std::time::{Duration, Instant};

use tintype_store::{Attributes, Condition, HexId, Object, Source, Store};
use tintype_testing::{Fault, Faulty, Operation, Proxy};

use super::{open, original, put, read, unavailable};

/// What the service needs to answer 503 in time.
const SOON: Duration = Duration::from_millis(2_400);

async fn behind_a_proxy() -> (Faulty, Proxy, Store) {
    let server = Faulty::start();
    let proxy = Proxy::start(server.address());
    let store = open(&proxy.endpoint()).await;
    put(&store, "a", "bytes", &Condition::Any).await.unwrap();
    (server, proxy, store)
}

/// Each kind of operation, once; each fails, and in time.
async fn all_fail_soon(store: &Store) {
    let record = Object::Record(HexId([1; 32]));
    let (none, any) = (Attributes::default(), Condition::Any);
    let began = Instant::now();
    let took = |what: &str, since: Instant| {
        assert!(since.elapsed() < SOON, "{what} took {:?}", since.elapsed());
        Instant::now()
    };
    unavailable(store.get(&record, None, None).await.map(|_| ()));
    let began = took("get", began);
    unavailable(store.head(&original("a")).await);
    let began = took("head", began);
    unavailable(
        store
            .put(&record, Source::Bytes("{}".into()), &any, &none)
            .await,
    );
    let began = took("put", began);
    unavailable(store.list("", false, None, 10).await);
    let began = took("list", began);
    unavailable(store.delete(&original("a"), &any).await);
    let began = took("delete", began);
    unavailable(store.check().await);
    took("check", began);
}

#[tokio::test]
async fn operations_fail_soon_when_nothing_answers_and_work_again_soon_after() {
    let (_server, proxy, store) = behind_a_proxy().await;
    for outage in [Proxy::cut, Proxy::stall] {
        outage(&proxy);
        all_fail_soon(&store).await;
        proxy.restore();
        let began = Instant::now();
        while read(&store, "a").await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A server that says that it has too much to do is not asked more often, but less.
#[tokio::test]
async fn a_server_in_distress_is_left_alone_but_for_a_probe_a_second() {
    let (server, store) = super::faulty().await;
    put(&store, "a", "bytes", &Condition::Any).await.unwrap();
    for fault in [Fault::SLOW_DOWN, Fault::INTERNAL, Fault::Cut] {
        server.script(fault);
        server.take_counts();
        let began = Instant::now();
        let mut failed = 0;
        while began.elapsed() < Duration::from_secs(3) {
            let reads = (0..10).map(|_| read(&store, "a"));
            for outcome in futures_util::future::join_all(reads).await {
                unavailable(outcome);
                failed += 1;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let asked = server.count(Operation::GetObject);
        // Ten at once before it opens, then one a second, each with its retries.
        assert!(asked <= 3 * (10 + 4), "{asked} requests for {failed} reads");
        assert!(failed > 300, "{failed}: the others failed at once");
        server.heal();
        let began = Instant::now();
        while read(&store, "a").await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn refusals_are_answers_and_open_nothing() {
    let (server, store) = super::faulty().await;
    server.script(Fault::ACCESS_DENIED);
    for _ in 0..20 {
        unavailable(store.head(&original("a")).await);
    }
    assert_eq!(
        server.count(Operation::HeadObject),
        20,
        "neither stopped nor retried"
    );
}
