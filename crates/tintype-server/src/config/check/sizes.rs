//! Checks sizes: bytes, pixels and counts.

use std::num::NonZeroUsize;

use tintype_store::StoreUrl;

use super::super::Config;
use super::super::connections::{BODY_MIN_RATE, MAX_CONNECTIONS, WRITE_MIN_RATE};
use super::super::pictures::{MAX_PIXELS, QUALITY_AVIF, QUALITY_JPEG, QUALITY_WEBP};
use super::super::reader::OptionReader;
use super::super::stores::S3_STORAGE_CLASS;
use super::super::uploads::{MAX_UPLOAD_BYTES, SPOOL_BYTES};
use super::super::work::{HOT_CACHE_BYTES, QUEUE};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

impl OptionReader {
    pub(super) fn check_sizes(&mut self, config: &Config) {
        let (spool, upload) = (config.uploads.spool_bytes, config.uploads.max_upload_bytes);
        let is_configured = self.is_configured(SPOOL_BYTES) || self.is_configured(MAX_UPLOAD_BYTES);
        if spool < upload && is_configured {
            let reason = format!(
                "an upload may have {upload} bytes but the spool holds only {spool}, so that larger ones are always refused (507)"
            );
            let fix =
                "make spool_bytes as large as max_upload_bytes, times the uploads at the same time";
            self.warn(&[SPOOL_BYTES, MAX_UPLOAD_BYTES], reason, fix);
        }
        if upload < 64 * KIB {
            let reason = format!("{upload} bytes are fewer than a photograph has");
            self.warn(&[MAX_UPLOAD_BYTES], reason, "is its unit missing?");
        }
        if config.pictures.max_pixels < 1_000_000 {
            let reason = format!(
                "{} pixels are fewer than a photograph has",
                config.pictures.max_pixels
            );
            self.warn(&[MAX_PIXELS], reason, "write millions of pixels as 100MP");
        }
        if config
            .work
            .hot_cache_bytes
            .is_some_and(|hot| (1..MIB).contains(&hot))
        {
            let reason = "hardly holds one variant";
            self.warn(
                &[HOT_CACHE_BYTES],
                reason,
                "is its unit missing? 0 turns it off",
            );
        }
        for (option, quality) in [
            (QUALITY_JPEG, config.pictures.quality.jpeg),
            (QUALITY_WEBP, config.pictures.quality.webp),
            (QUALITY_AVIF, config.pictures.quality.avif),
        ] {
            if quality < 20 {
                let reason = format!("at {quality} images are visibly broken");
                self.warn(&[option], reason, "80 is the default, 60 is low");
            }
        }
        let has_originals_in_bucket = matches!(config.stores.store, StoreUrl::S3(_));
        if self.is_configured(S3_STORAGE_CLASS) && !has_originals_in_bucket {
            let reason = "set, but it is for originals, which are in no bucket";
            self.warn(&[S3_STORAGE_CLASS], reason, "leave it out");
        }
    }

    pub(super) fn check_connections(&mut self, config: &Config) {
        let connections = config.connections.max_connections;
        if connections < NonZeroUsize::new(16).unwrap_or(NonZeroUsize::MIN) {
            let reason =
                format!("{connections} are fewer than one browser and a load balancer open");
            self.warn(&[MAX_CONNECTIONS], reason, "leave it out for 4096");
        }
        if config.work.queue > connections.get() {
            let reason = "longer than max_connections can ever fill";
            self.warn(&[QUEUE, MAX_CONNECTIONS], reason, "make it smaller");
        }
        for (option, rate) in [
            (BODY_MIN_RATE, config.connections.body_min_rate),
            (WRITE_MIN_RATE, config.connections.write_min_rate),
        ] {
            if rate > MIB {
                let reason = format!("{rate} bytes a second are more than many a line carries");
                self.warn(
                    &[option],
                    reason,
                    "1KiB cuts off only those that do nothing at all",
                );
            }
        }
    }
}
