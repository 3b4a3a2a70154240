use std::time::{Duration, Instant};

use tintype_store::{Attributes, Condition, HexId, Object, Store, WriteSource};
use tintype_testing::{Fault, Faulty, Operation, Proxy};

use super::{denied, open, original, put, read, unavailable};

/// What the service needs to send a 503 in time.
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
            .put(&record, WriteSource::Bytes("{}".into()), &any, &none)
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

/// An overloaded server gets fewer requests, not more.
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
        // Ten at once before the breaker opens, then one a second, each with its retries.
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
async fn refusals_open_no_breaker() {
    let (server, store) = super::faulty().await;
    server.script(Fault::ACCESS_DENIED);
    for _ in 0..20 {
        denied(store.head(&original("a")).await);
    }
    assert_eq!(
        server.count(Operation::HeadObject),
        20,
        "neither stopped nor retried"
    );
}

/// Reads `count` objects below `folder` concurrently; returns how many succeeded.
async fn read_all(store: &Store, folder: &str, count: usize) -> usize {
    let names: Vec<_> = (0..count).map(|n| format!("{folder}/{n}")).collect();
    let reads = names.iter().map(|name| read(store, name));
    let outcomes = futures_util::future::join_all(reads).await;
    outcomes.into_iter().filter(Result::is_ok).count()
}

/// Neither a single object that is stuck, however often it is requested, nor a throttled folder, however many of
/// its objects are requested, makes the store unavailable.
#[tokio::test]
async fn only_what_fails_is_left_alone() {
    let (server, store) = super::faulty().await;
    for folder in ["slow", "other"] {
        for n in 0..40 {
            let key = format!("our/place/{folder}/{n}");
            server.put(&key, "bytes");
        }
    }
    server.put("our/place/stuck", "bytes");
    server.script(Fault::Stall.on(Operation::GetObject).of("/stuck"));
    server.script(Fault::SLOW_DOWN.on(Operation::GetObject).of("/slow/"));
    server.take_counts();
    let stuck = async {
        loop {
            let many = (0..10).map(|_| read(&store, "stuck"));
            for outcome in futures_util::future::join_all(many).await {
                unavailable(outcome);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let rest = async {
        let (mut others, mut rounds) = (0, 0);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(4) {
            let (slow, other) = (read_all(&store, "slow", 40), read_all(&store, "other", 40));
            let (slow, answered) = tokio::join!(slow, other);
            assert_eq!(slow, 0);
            others += answered;
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (others, rounds)
    };
    let (others, rounds) = tokio::select! {
        () = stuck => unreachable!("it goes on for ever"),
        counted = rest => counted,
    };
    assert_eq!(others, 40 * rounds, "all that is well is answered");
    let asked = server.count(Operation::GetObject) as usize - others;
    // For both: all at once before it is known, then one a second, each with its retries.
    let most = 3 * (40 + 5) + 3 * (10 + 5);
    assert!(asked <= most, "{asked} of {most} in {rounds} rounds");
    server.heal();
    let began = Instant::now();
    while read_all(&store, "slow", 40).await < 40 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A listing may take its time, and neither its failures nor those of background work count against reads and
/// writes.
#[tokio::test]
async fn a_failing_kind_of_operation_does_not_affect_the_others() {
    let (server, store) = super::faulty().await;
    put(&store, "a", "bytes", &Condition::Any).await.unwrap();
    let late = Fault::Late(Duration::from_millis(1_300));
    server.script(late.on(Operation::ListObjectsV2).times(1));
    store.list("", false, None, 10).await.unwrap();

    server.script(Fault::INTERNAL.on(Operation::ListObjectsV2));
    server.script(Fault::INTERNAL.on(Operation::PutObject).of("behind"));
    for n in 0..20 {
        unavailable(store.list(&format!("{n}"), false, None, 10).await);
        let key = format!("behind/{n}");
        let behind = put(&store, &key, "bytes", &Condition::Any);
        unavailable(tintype_store::in_background(behind).await);
        assert_eq!(read(&store, "a").await.unwrap(), "bytes");
        put(&store, "b", "bytes", &Condition::Any).await.unwrap();
    }
    let listings = server.count(Operation::ListObjectsV2);
    assert!(listings < 40, "{listings} of listings that fail");
}

/// Callers stop waiting when a probe finds the server unavailable.
#[tokio::test]
async fn a_listing_does_not_wait_for_an_unavailable_server() {
    let (_server, proxy, store) = behind_a_proxy().await;
    proxy.stall();
    let began = Instant::now();
    unavailable(store.list("", false, None, 10).await);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
