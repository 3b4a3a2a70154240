//! Bytes, pixels and counts.

use std::num::NonZeroUsize;

use tintype_store::StoreUrl;

use super::super::Config;
use super::super::load::Reader;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

impl Reader {
    pub(super) fn check_sizes(&mut self, config: &Config) {
        let (spool, upload) = (config.spool_bytes, config.max_upload_bytes);
        let is_said = self.is_said("spool_bytes") || self.is_said("max_upload_bytes");
        if spool < upload && is_said {
            let reason = format!(
                "an upload may have {upload} bytes and the spool holds {spool}, so that larger ones are always refused (507)"
            );
            let fix =
                "make spool_bytes as large as max_upload_bytes, and as several uploads at once";
            self.warn(&["spool_bytes", "max_upload_bytes"], reason, fix);
        }
        if upload < 64 * KIB {
            let reason = format!("{upload} bytes are less than a photograph has");
            self.warn(&["max_upload_bytes"], reason, "is its unit missing?");
        }
        if config.max_pixels < 1_000_000 {
            let reason = format!(
                "{} pixels are less than a photograph has",
                config.max_pixels
            );
            self.warn(&["max_pixels"], reason, "write millions of pixels as 100MP");
        }
        if config
            .hot_cache_bytes
            .is_some_and(|hot| (1..MIB).contains(&hot))
        {
            let reason = "holds hardly one variant";
            self.warn(
                &["hot_cache_bytes"],
                reason,
                "is its unit missing? 0 is to have none",
            );
        }
        for (option, quality) in [
            ("quality_jpeg", config.quality.jpeg),
            ("quality_webp", config.quality.webp),
            ("quality_avif", config.quality.avif),
        ] {
            if quality < 20 {
                let reason = format!("at {quality} pictures fall to pieces");
                self.warn(&[option], reason, "80 is the default, 60 is little");
            }
        }
        let has_originals_in_bucket = matches!(config.store, StoreUrl::S3(_));
        if self.is_said("s3_storage_class") && !has_originals_in_bucket {
            let reason = "set, and it is for originals, which are in no bucket";
            self.warn(&["s3_storage_class"], reason, "leave it out");
        }
    }

    pub(super) fn check_connections(&mut self, config: &Config) {
        let connections = config.max_connections;
        if connections < NonZeroUsize::new(16).unwrap_or(NonZeroUsize::MIN) {
            let reason = format!("{connections} are fewer than one browser and a balancer open");
            self.warn(&["max_connections"], reason, "leave it out for 4096");
        }
        if config.queue > connections.get() {
            let reason = "more may wait than max_connections can ask";
            self.warn(&["queue", "max_connections"], reason, "make it smaller");
        }
        for (option, rate) in [
            ("body_min_rate", config.body_min_rate),
            ("write_min_rate", config.write_min_rate),
        ] {
            if rate > MIB {
                let reason = format!("{rate} bytes a second are more than many a line carries");
                self.warn(
                    &[option],
                    reason,
                    "1KiB cuts those off that do nothing at all",
                );
            }
        }
    }
}
