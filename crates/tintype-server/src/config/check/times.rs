//! Checks times that must be longer or shorter than other times, of this service or of a proxy in front.

use std::time::Duration;

use tintype_store::StoreUrl;

use super::super::Config;
use super::super::caching::{MAX_AGE, RECORD_CACHE};
use super::super::connections::{BODY_TIMEOUT, HEADER_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT};
use super::super::pictures::FORMAT_BUDGET;
use super::super::reader::OptionReader;
use super::super::stopping::{DRAIN, LAME_DUCK, Stopping};
use super::super::work::{QUEUE_WAIT, RENDER_DEADLINE};

/// The longest stop timeout of a container on Fargate.
const LONGEST_STOP: Duration = Duration::from_secs(120);
/// Defaults: how long load balancers keep an idle connection, and how long CloudFront waits for a response.
const BALANCER_IDLE: Duration = Duration::from_secs(60);
const CDN_WAITS: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl OptionReader {
    pub(super) fn check_times(&mut self, config: &Config) {
        let (queue_wait, render_deadline) = (config.work.queue_wait, config.work.render_deadline);
        let Stopping { lame_duck, drain } = config.stopping;
        if queue_wait > render_deadline {
            let reason = format!(
                "an image may wait for {queue_wait:?}, but has {render_deadline:?} in all, waiting included"
            );
            let fix = "make queue_wait shorter than render_deadline";
            self.warn(&[QUEUE_WAIT, RENDER_DEADLINE], reason, fix);
        }
        if config.pictures.format_budget > render_deadline {
            let reason = "longer than render_deadline, which includes it";
            self.warn(&[FORMAT_BUDGET, RENDER_DEADLINE], reason, "make it shorter");
        }
        if render_deadline >= CDN_WAITS {
            let reason = format!("CloudFront gives up after {CDN_WAITS:?} by default");
            self.warn(
                &[RENDER_DEADLINE],
                reason,
                "make it shorter, or let the CDN wait longer",
            );
        }
        let stop = lame_duck.saturating_add(drain);
        if stop >= LONGEST_STOP {
            let reason = format!(
                "lame_duck and drain take {stop:?}, but a container is killed after {LONGEST_STOP:?} at most"
            );
            let fix = "make their sum less than the stop timeout of the container";
            self.warn(&[DRAIN, LAME_DUCK], reason, fix);
        }
        if drain.is_zero() {
            let reason = "running requests are cut off when the service stops";
            self.warn(&[DRAIN], reason, "10s is the default");
        }
        if lame_duck.is_zero() && config.task_metadata.is_some() {
            let reason =
                "the load balancer still sends requests after the service has stopped listening";
            self.warn(&[LAME_DUCK], reason, "15s is the default");
        }
    }

    pub(super) fn check_patience(&mut self, config: &Config) {
        if config.connections.idle_timeout <= BALANCER_IDLE {
            let reason = format!(
                "a load balancer keeps idle connections for {BALANCER_IDLE:?}, and would send a request while the service closes"
            );
            self.warn(
                &[IDLE_TIMEOUT],
                reason,
                "make it longer than the load balancer's; 75s is the default",
            );
        }
        if config.connections.header_timeout > 2 * MINUTE {
            let reason = "a client that sends nothing holds a connection for that long";
            self.warn(&[HEADER_TIMEOUT], reason, "10s is the default");
        }
        for (option, time) in [
            (BODY_TIMEOUT, config.connections.body_timeout),
            (WRITE_TIMEOUT, config.connections.write_timeout),
            (IDLE_TIMEOUT, config.connections.idle_timeout),
        ] {
            if time > HOUR {
                let reason = "a client that has gone holds a connection for that long";
                self.warn(&[option], reason, "90s is enough for a phone in a tunnel");
            }
        }
        if config.caching.max_age > DAY {
            let reason = "browsers keep images for that long if their URLs have no version, and cannot be purged";
            self.warn(&[MAX_AGE], reason, "shorten it, and use URLs with v");
        }
        if config.caching.record_cache > 5 * MINUTE {
            let reason = "changes through another replica are not seen for that long, and downstream caches are purged again only then";
            self.warn(&[RECORD_CACHE], reason, "5s is the default");
        }
        if config.caching.record_cache.is_zero() && matches!(config.stores.store, StoreUrl::S3(_)) {
            let reason = "every request then reads the bucket, which costs money and time";
            self.warn(&[RECORD_CACHE], reason, "5s is the default");
        }
    }
}
