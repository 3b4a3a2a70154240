//! Dashboards and alarms depend on these names.

use std::time::Instant;

use tintype_store::Store;

use super::*;
use crate::workers::{Cost, JobKind, Pool, PoolLimits, Priority};

#[tokio::test]
async fn names_and_labels_are_fixed() {
    let metrics = Metrics::new("1.2.3", ["default", "magazine"]);
    metrics.request_began();
    metrics.request_began();
    let took = Duration::from_millis(3);
    metrics.request_ended(&FinishedRequest {
        route: "variant",
        site: Some("magazine"),
        method: &Method::GET,
        status: 200,
        bytes: 9,
        took,
    });
    metrics.stage("decode", took);
    metrics.cache("variants", "hit");
    metrics.queue_waited(took);
    for code in [
        Code::CorruptImage,
        Code::StoreUnavailable,
        Code::DeadlineExceeded,
    ] {
        metrics.decode_rejected(&Error::new(code));
    }
    metrics.format_deferred("dear");
    metrics.format_made_later("made");
    metrics.upload("created", 5);
    metrics.storage("get", "ok", took);
    metrics.observe_log(0);
    metrics.purges_delivered("varnish", 2);
    metrics.purge_failed("varnish");
    metrics
        .old_urls()
        .count("thumbor", Some("old.example"), "here");
    let limits = PoolLimits {
        threads: 4.try_into().unwrap(),
        queue: 5,
        bytes: 6,
        max_wait: took,
    };
    let pool = Pool::new(limits).unwrap();
    let cost = |bytes| Cost {
        kind: JobKind::Placeholder,
        time: Duration::ZERO,
        bytes,
    };
    for priority in [Priority::Request, Priority::Background] {
        let job = |_: &mut _| Ok::<_, ()>(());
        let refused = pool.run(priority, Instant::now(), cost(7), job).await;
        assert!(refused.is_err());
    }
    let deadline = Instant::now() + 1000 * took;
    let job = |_: &mut _| -> Result<(), ()> { panic!("for a count") };
    let panicked = pool.run(Priority::Request, deadline, cost(0), job).await;
    assert!(panicked.is_err());
    // The result is sent a moment before the thread is free again.
    while pool.gauges().busy > 0 {
        tokio::task::yield_now().await;
    }
    metrics.observe_pool(&pool);
    let store = Arc::new(Store::Memory(tintype_store::Memory::default()));
    metrics.observe_stores(&store, &store);
    let text = metrics.encode();
    for line in [
        "tintype_http_requests_total{route=\"variant\",method=\"GET\",status=\"200\"} 1",
        "tintype_http_request_duration_seconds_count{route=\"variant\"} 1",
        "tintype_inflight 1",
        "tintype_stage_duration_seconds_count{stage=\"decode\"} 1",
        "tintype_cache_events_total{tier=\"variants\",event=\"hit\"} 1",
        "tintype_queue_depth 0",
        "tintype_old_urls_total{grammar=\"thumbor\",host=\"old.example\",result=\"here\"} 1",
        "tintype_queue_wait_seconds_count 1",
        "tintype_workers 4",
        "tintype_workers_busy 0",
        "tintype_memory_budget_used_bytes 0",
        "tintype_memory_budget_limit_bytes 6",
        "tintype_http_response_bytes_total{route=\"variant\"} 9",
        "tintype_site_requests_total{site=\"magazine\",class=\"2xx\"} 1",
        "tintype_site_response_bytes_total{site=\"magazine\"} 9",
        "tintype_breaker_open{store=\"originals\",of=\"all\"} 0",
        "tintype_shed_total{reason=\"queue-full\"} 0",
        "tintype_shed_total{reason=\"exceeds-memory\"} 1",
        "tintype_background_depth 0",
        "tintype_background_busy 0",
        "tintype_background_shed_total{reason=\"exceeds-memory\"} 1",
        "tintype_background_shed_total{reason=\"queue-full\"} 0",
        "tintype_decode_rejected_total{reason=\"corrupt-image\"} 1",
        "tintype_decode_panics_total 1",
        "tintype_formats_deferred_total{reason=\"dear\"} 1",
        "tintype_formats_made_later_total{result=\"made\"} 1",
        "tintype_uploads_total{result=\"created\"} 1",
        "tintype_upload_bytes_total 5",
        "tintype_storage_request_duration_seconds_count{op=\"get\",result=\"ok\"} 1",
        "tintype_storage_events_total{event=\"retry\"} 0",
        "tintype_storage_events_total{event=\"hedge\"} 0",
        "tintype_storage_events_total{event=\"breaker-open\"} 0",
        "tintype_purges_total{purger=\"varnish\",result=\"delivered\"} 2",
        "tintype_purges_total{purger=\"varnish\",result=\"failed\"} 1",
        "tintype_purges_pending 0",
        "tintype_purges_oldest_seconds 0",
        "tintype_log_lines_dropped_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
}

#[test]
fn invented_methods_make_no_series() {
    let metrics = Metrics::new("1", []);
    for n in 0..100 {
        metrics.request_began();
        let method = Method::from_bytes(format!("X{n}").as_bytes()).unwrap();
        metrics.request_ended(&FinishedRequest {
            route: "other",
            site: Some("no site of ours"),
            method: &method,
            status: 200,
            bytes: 0,
            took: Duration::ZERO,
        });
    }
    let text = metrics.encode();
    let series = "tintype_http_requests_total{route=\"other\"";
    assert_eq!(text.matches(series).count(), 1);
    assert!(text.contains("tintype_site_requests_total{site=\"(other)\",class=\"2xx\"} 100"));
}
