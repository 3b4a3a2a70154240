//! A purge is delivered at least once to every purger of its site, whatever fails in between, and costs nothing if
//! there is no purger.

use std::path::Path;
use std::time::Duration;

use aws_sdk_cloudfront::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use http::{HeaderMap, Method, StatusCode};
use tintype_store::{ContentHash, HexId, ObjectKind, StoreUrl};
use tokio::net::TcpListener;

use super::*;
use crate::config::{Config, Dev};
use crate::invalidation::purgers::{CloudFront, PathsBySite, SitePaths};

const BY: Actor<'static> = Actor {
    name: "desk",
    token: "web",
};
const CONTENT: ContentHash = HexId([0xff; 32]);
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Far above anything that happens on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

fn hurried() -> Timing {
    Timing {
        settle: Duration::from_millis(50),
        unsure: Duration::from_millis(100),
        first_pause: Duration::from_millis(10),
        last_pause: Duration::from_millis(50),
        takeover: Duration::from_millis(600),
        look: Duration::from_millis(200),
    }
}

/// A purge endpoint with configurable responses.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    calls: Vec<Call>,
    /// Responses in order; empty means success.
    answers: Vec<(StatusCode, &'static str)>,
    /// Bodies that contain this are refused.
    poison: Option<&'static str>,
}

#[derive(Clone)]
struct Call {
    method: Method,
    headers: HeaderMap,
    body: String,
}

impl Receiver {
    /// Starts one; also returns its URL.
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let router = Router::new().fallback(Self::answer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = router.with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    async fn answer(
        Shared(Self(received)): Shared<Self>,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, &'static str) {
        let body = String::from_utf8(body.to_vec()).unwrap();
        let mut received = received.lock().unwrap();
        let is_poison = received.poison.is_some_and(|poison| body.contains(poison));
        received.calls.push(Call {
            method,
            headers,
            body,
        });
        match received.answers.len() {
            _ if is_poison => (StatusCode::BAD_REQUEST, ""),
            0 => (StatusCode::CREATED, CREATED),
            1 => received.answers[0],
            _ => received.answers.remove(0),
        }
    }

    /// The last response is repeated.
    fn answers(&self, answers: &[(StatusCode, &'static str)]) {
        self.0.lock().unwrap().answers = answers.to_vec();
    }

    fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    fn has_heard_of(&self, text: &str) -> bool {
        let in_header = |call: &Call| {
            let tags = call.headers.get("surrogate-key");
            tags.is_some_and(|tags| tags.to_str().unwrap().contains(text))
        };
        let calls = self.calls();
        calls
            .iter()
            .any(|call| call.body.contains(text) || in_header(call))
    }
}

const CREATED: &str = r#"<?xml version="1.0"?>
<Invalidation xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Id>I1</Id>
<Status>InProgress</Status><CreateTime>2026-11-23T00:00:00Z</CreateTime><InvalidationBatch>
<PathsBySite><Quantity>0</Quantity></PathsBySite><CallerReference>r</CallerReference></InvalidationBatch>
</Invalidation>"#;

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < TIMEOUT, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn store() -> Arc<Store> {
    Arc::new(Store::open(&StoreUrl::Memory).await.unwrap())
}

async fn waiting(store: &Store) -> usize {
    objects(store, false).await
}

/// Number of entries, or of heartbeats.
async fn objects(store: &Store, beats: bool) -> usize {
    let page = store
        .list_kind(ObjectKind::Outbox, None, 1000)
        .await
        .unwrap();
    let is_beat = |object: &Object| object.path().contains("/beat-");
    let is_mark = |object: &&Object| object.path().ends_with("/looked.json");
    let found = page.objects.iter().filter(|object| !is_mark(object));
    found.filter(|object| is_beat(object) == beats).count()
}

fn config(toml: &str) -> Config {
    let environment = [("TINTYPE_CONFIG_INLINE".to_owned(), toml.to_owned())];
    let loaded = Config::load(environment, Path::new("none.toml"), Some(&Dev::default()));
    loaded.unwrap().config
}

/// An outbox with the purgers of a configuration.
struct Desk {
    config: Config,
    outbox: Outbox,
    metrics: Arc<Metrics>,
}

impl Desk {
    async fn open(store: &Arc<Store>, toml: &str, timing: Timing) -> Self {
        let config = config(toml);
        let metrics = Arc::new(Metrics::new("test", []));
        let outbox = Outbox::open(store.clone(), &config.sites, metrics.clone(), timing);
        Self {
            outbox: outbox.await.unwrap(),
            config,
            metrics,
        }
    }

    async fn announce(&self, key: &str) -> Announced {
        let key = Key::parse(key).unwrap();
        let site = self.config.sites.of(&key);
        let announced = self.outbox.announce_key(site, &key, Cause::Overwrite, BY);
        announced.await.unwrap()
    }

    async fn change(&self, key: &str) {
        self.announce(key).await.made();
    }

    fn counts(&self, line: &str) -> bool {
        let (pending, oldest) = self.outbox.gauges();
        self.metrics.observe_purges(pending, oldest);
        let text = self.metrics.encode();
        text.lines().any(|other| other == line)
    }
}

fn tag(key: &str) -> String {
    tags::of_key(&Key::parse(key).unwrap())
}

#[tokio::test]
async fn nothing_is_written_without_purgers() {
    let store = store().await;
    let toml =
        "[sites.a]\nprefix = \"a/\"\nunsigned = \"any\"\npurge_varnish = \"http://127.0.0.1:1\"";
    let desk = Desk::open(&store, toml, hurried()).await;
    desk.change("b.jpg").await;
    let everything = desk.outbox.announce_prefix("b/", [].iter(), BY).await;
    everything.unwrap().made();
    assert_eq!((store.counts().puts(), store.counts().deletes()), (0, 0));
    assert!(desk.announce("b.jpg").await.purgers().is_empty());

    let announced = desk.announce("a/b.jpg").await;
    assert_eq!(announced.purgers(), BTreeSet::from(["varnish"]));
    assert_eq!(store.counts().puts(), 1);
}

#[tokio::test]
async fn every_node_is_purged_twice_and_then_the_entry_is_removed() {
    let ((one, a), (two, b)) = (Receiver::start().await, Receiver::start().await);
    let store = store().await;
    let toml = format!("purge_varnish = [\"{a}\", \"{b}/\"]");
    // Far enough apart that even a busy machine does not merge both rounds.
    let timing = Timing {
        settle: Duration::from_secs(2),
        takeover: TIMEOUT,
        ..hurried()
    };
    let desk = Desk::open(&store, &toml, timing).await;
    let announced = desk.announce("a/b.jpg").await;
    // Durable before the change, and not delivered until it is made.
    assert_eq!((waiting(&store).await, one.calls().len()), (1, 0));
    announced.made();
    until("the entry goes", async || waiting(&store).await == 0).await;
    for node in [one, two] {
        let calls = node.calls();
        assert_eq!(calls.len(), 2);
        for call in calls {
            assert_eq!(call.method.as_str(), "BAN");
            assert_eq!(call.headers["surrogate-key"], tag("a/b.jpg"));
        }
    }
    assert!(desk.counts("tintype_purges_total{purger=\"varnish\",result=\"delivered\"} 4"));
    assert!(desk.counts("tintype_purges_pending 0"));
    assert_eq!((store.counts().puts(), store.counts().deletes()), (1, 1));
}

#[tokio::test]
async fn withdrawn_changes_are_not_purged_and_cancelled_ones_are() {
    let (node, address) = Receiver::start().await;
    let store = store().await;
    let desk = Desk::open(&store, &format!("purge_varnish = \"{address}\""), hurried()).await;
    desk.announce("kept.jpg").await.withdraw().await;
    drop(desk.announce("perhaps.jpg").await);
    until("the entries go", async || waiting(&store).await == 0).await;
    assert!(node.has_heard_of(&tag("perhaps.jpg")) && !node.has_heard_of(&tag("kept.jpg")));
}

#[tokio::test]
async fn a_failing_purger_is_retried_and_holds_up_no_other() {
    let ((ill, a), (well, b)) = (Receiver::start().await, Receiver::start().await);
    ill.answers(&[(StatusCode::SERVICE_UNAVAILABLE, "")]);
    let store = store().await;
    let toml = format!("purge_varnish = \"{a},{b}\"");
    let desk = Desk::open(&store, &toml, hurried()).await;
    for n in 0..20 {
        desk.change(&format!("{n}.jpg")).await;
    }
    until("the other one is told of all", async || {
        (0..20).all(|n| well.has_heard_of(&tag(&format!("{n}.jpg"))))
    })
    .await;
    until("it is tried again", async || ill.calls().len() > 3).await;
    assert_eq!(waiting(&store).await, 20);
    assert!(desk.counts("tintype_purges_pending 20"));

    ill.answers(&[]);
    until("the entries go", async || waiting(&store).await == 0).await;
    assert!((0..20).all(|n| ill.has_heard_of(&tag(&format!("{n}.jpg")))));
}

#[tokio::test]
async fn a_refused_purge_does_not_hold_up_the_rest() {
    let (hook, address) = Receiver::start().await;
    hook.0.lock().unwrap().poison = Some("poison.jpg");
    let store = store().await;
    let toml = format!("purge_webhook = \"{address}/hook\"\npurge_webhook_key = \"{KEY}\"");
    let desk = Desk::open(&store, &toml, hurried()).await;
    for key in ["1.jpg", "poison.jpg", "2.jpg", "3.jpg"] {
        desk.change(key).await;
    }
    until("only the refused one stays", async || {
        waiting(&store).await == 1
    })
    .await;
    for key in ["1.jpg", "2.jpg", "3.jpg"] {
        assert!(hook.has_heard_of(key));
    }
    hook.0.lock().unwrap().poison = None;
    until("the entries go", async || waiting(&store).await == 0).await;
}

#[tokio::test]
async fn a_webhook_gets_everything_and_can_verify_the_sender() {
    let (hook, address) = Receiver::start().await;
    let store = store().await;
    let toml = format!(
        "originals = \"public\"\npublic_url = \"https://cdn.example/media/\"\n\
         purge_webhook = \"{address}/hook?to=me\"\npurge_webhook_key = \"{KEY}\""
    );
    let desk = Desk::open(&store, &toml, hurried()).await;
    desk.change("ä/b.jpg").await;
    until("the entry goes", async || waiting(&store).await == 0).await;
    let call = hook.calls().remove(0);
    assert_eq!(call.method, Method::POST);
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
    let mut purge = body["purges"][0].clone();
    let (id, at) = (purge["id"].take(), purge["at"].take());
    assert!(id.is_string() && at.as_str().unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(
        purge,
        serde_json::json!({
            "id": null, "at": null, "cause": "overwrite", "sites": ["default"],
            "key": "ä/b.jpg", "tags": [tag("ä/b.jpg")],
            "paths": ["/media/t/%C3%A4/b.jpg/*", "/media/o/%C3%A4/b.jpg"],
            "actor": "desk", "token": "web",
        })
    );
    let signature = call.headers["tintype-signature"].to_str().unwrap();
    let (time, mac) = signature
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v1="))
        .unwrap();
    let signed = format!("{time}.{}", call.body);
    let key = crate::url::SigningKey::parse(KEY).unwrap();
    let expected: String = key
        .hmac(signed.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(mac, expected);
}

#[tokio::test]
async fn leftovers_of_a_dead_process_are_delivered_by_another() {
    let (node, address) = Receiver::start().await;
    let store = store().await;
    let toml = format!("purge_varnish = \"{address}\"");
    {
        let dies = Desk::open(&store, &toml, hurried()).await;
        // Killed between the change and the purge: nothing runs that an orderly shutdown would.
        std::mem::forget(dies.announce("a.jpg").await);
    }
    assert_eq!((waiting(&store).await, node.calls().len()), (1, 0));
    let _lives = Desk::open(&store, &toml, hurried()).await;
    until("the entry goes", async || waiting(&store).await == 0).await;
    assert!(node.has_heard_of(&tag("a.jpg")));
}

/// However many replicas there are, the outbox is listed about equally often.
#[tokio::test]
async fn one_recent_look_serves_all_replicas() {
    let (_node, address) = Receiver::start().await;
    let store = store().await;
    let timing = Timing {
        look: Duration::from_secs(3600),
        ..hurried()
    };
    let toml = format!("purge_varnish = \"{address}\"");
    let mut desks = Vec::new();
    for _ in 0..5 {
        desks.push(Desk::open(&store, &toml, timing).await);
    }
    let [first, others @ ..] = &desks[..] else {
        return;
    };
    recovery::deliver_leftovers(&first.outbox.shared)
        .await
        .unwrap();
    for other in others {
        assert!(!recovery::is_due(&other.outbox.shared).await);
    }
}

#[tokio::test]
async fn entries_of_a_living_process_are_left_to_it() {
    let ((ill, a), (other, b)) = (Receiver::start().await, Receiver::start().await);
    ill.answers(&[(StatusCode::SERVICE_UNAVAILABLE, "")]);
    let store = store().await;
    let one = Desk::open(&store, &format!("purge_varnish = \"{a}\""), hurried()).await;
    let _two = Desk::open(&store, &format!("purge_varnish = \"{b}\""), hurried()).await;
    one.change("a.jpg").await;
    until("a heartbeat", async || objects(&store, true).await == 1).await;
    let lists = store.counts().lists();
    until("both have looked", async || {
        store.counts().lists() > lists + 20
    })
    .await;
    assert_eq!((other.calls().len(), waiting(&store).await), (0, 1));
    ill.answers(&[]);
    until("entry and heartbeat go", async || {
        waiting(&store).await + objects(&store, true).await == 0
    })
    .await;
}

#[tokio::test]
async fn entries_that_do_not_fit_into_memory_wait_in_the_store() {
    let (node, address) = Receiver::start().await;
    node.answers(&[(StatusCode::SERVICE_UNAVAILABLE, "")]);
    let store = store().await;
    let desk = Desk::open(&store, &format!("purge_varnish = \"{address}\""), hurried()).await;
    let keys: Vec<_> = (0..1000)
        .map(|n| Key::parse(&format!("lion-{n}.jpg")).unwrap())
        .collect();
    for _ in 0..1000 {
        let announced = desk.outbox.announce_prefix("lion", keys.iter(), BY).await;
        announced.unwrap().made();
    }
    let (held, _) = desk.outbox.gauges();
    assert!((100..900).contains(&held), "{held}");
    assert!(desk.outbox.shared.held().bytes <= MAX_HELD_BYTES);
    node.answers(&[]);
    until("all are delivered", async || {
        waiting(&store).await == 0 && desk.outbox.gauges().0 == 0
    })
    .await;
}

#[tokio::test]
async fn a_folder_has_one_tag_and_sites_below_it_are_purged() {
    let ((outer, a), (inner, b)) = (Receiver::start().await, Receiver::start().await);
    let store = store().await;
    let toml = format!(
        "purge_varnish = \"{a}\"\n[sites.inner]\nprefix = \"a/b/\"\nunsigned = \"any\"\n\
         purge_varnish = \"{b}\""
    );
    let desk = Desk::open(&store, &toml, hurried()).await;
    let purge = async |prefix: &str| {
        let announced = desk.outbox.announce_prefix(prefix, [].iter(), BY).await;
        announced.unwrap().made();
        until("the entry goes", async || waiting(&store).await == 0).await;
    };
    purge("a/b/c/").await;
    let folder = tags::of_folder("a/b/c");
    assert!(inner.has_heard_of(&folder));
    purge("").await;
    let everything = tags::of_folder("");
    assert!(inner.has_heard_of(&everything) && outer.has_heard_of(&everything));
}

#[tokio::test]
async fn a_content_is_purged_at_every_site_and_costs_cloudfront_nothing() {
    let ((node, a), (cloud, b)) = (Receiver::start().await, Receiver::start().await);
    let store = store().await;
    let toml = format!("purge_varnish = \"{a}\"");
    let desk = Desk::open(&store, &toml, hurried()).await;
    let (outbox, _) = cloudfront(&store, &b);
    for outbox in [&desk.outbox, &outbox] {
        let announced = outbox.announce_content(Some(CONTENT), BY).await.unwrap();
        announced.made();
    }
    until("the entries go", async || waiting(&store).await == 0).await;
    assert!(node.has_heard_of(&tags::of_content(CONTENT)));
    assert_eq!(cloud.calls().len(), 0);
}

fn cloudfront(store: &Arc<Store>, endpoint: &str) -> (Outbox, Arc<Metrics>) {
    let aws = aws_sdk_cloudfront::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(aws_sdk_cloudfront::config::retry::RetryConfig::disabled())
        .endpoint_url(endpoint)
        .build();
    let site = SitePaths {
        base: String::new(),
        originals: true,
    };
    let paths = PathsBySite::new([("default".to_owned(), site)].into_iter());
    let client = aws_sdk_cloudfront::Client::from_conf(aws);
    let purger = CloudFront::new(client, "E1EXAMPLE", Arc::new(paths));
    let sites = HashMap::from([("default".to_owned(), (String::new(), vec![0]))]);
    let metrics = Arc::new(Metrics::new("test", []));
    let purgers = vec![Purger::CloudFront(purger)];
    let outbox = Outbox::with(store.clone(), purgers, sites, metrics.clone(), hurried());
    (outbox, metrics)
}

fn refusal(code: &'static str) -> &'static str {
    match code {
        "Throttling" => {
            "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
             <Message>Rate exceeded</Message></Error></ErrorResponse>"
        }
        _ => {
            "<ErrorResponse><Error><Type>Sender</Type><Code>TooManyInvalidationsInProgress</Code>\
             <Message>Wait</Message></Error></ErrorResponse>"
        }
    }
}

#[tokio::test]
async fn cloudfront_is_called_once_for_many_and_retried_with_the_same_reference() {
    let (cloud, endpoint) = Receiver::start().await;
    cloud.answers(&[
        (StatusCode::BAD_REQUEST, refusal("Throttling")),
        (StatusCode::BAD_REQUEST, refusal("TooMany")),
        (StatusCode::SERVICE_UNAVAILABLE, ""),
        (StatusCode::CREATED, CREATED),
    ]);
    let store = store().await;
    let (outbox, metrics) = cloudfront(&store, &endpoint);
    let config = config("");
    for n in 0..20 {
        let key = Key::parse(&format!("photos/{n}.jpg")).unwrap();
        let site = config.sites.of(&key);
        let announced = outbox.announce_key(site, &key, Cause::Delete, BY).await;
        announced.unwrap().made();
    }
    until("the entries go", async || waiting(&store).await == 0).await;
    let calls = cloud.calls();
    assert_eq!(calls.len(), 4, "one invalidation, requested four times");
    assert!(calls.iter().all(|call| call.body == calls[0].body));
    let body = &calls[0].body;
    // More keys than CloudFront's limit of wildcards in progress are merged into their folder.
    assert_eq!(body.matches("*</Path>").count(), 1, "{body}");
    assert!(
        body.contains("<Path>/t/photos/*</Path>") && body.contains("<Path>/o/photos/7.jpg</Path>")
    );
    assert!(body.contains("<Quantity>21</Quantity>"), "{body}");
    let text = metrics.encode();
    for line in [
        "tintype_purges_total{purger=\"cloudfront\",result=\"delivered\"} 20",
        "tintype_purges_total{purger=\"cloudfront\",result=\"failed\"} 3",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
