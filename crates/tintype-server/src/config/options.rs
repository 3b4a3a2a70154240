//! Every flat option: its name, its default and whether it is a secret. What it means stands in
//! `config/tintype.toml`, which a test holds against this table.

/// One option. In the environment it is `TINTYPE_` and the name in capitals.
#[derive(Debug)]
pub(super) struct Opt {
    pub(super) name: &'static str,
    /// As it would be written; empty: there is none, or it depends on other things.
    pub(super) default: &'static str,
    /// Masked when shown, and may be given as `…_file`: the path of a file that holds it.
    pub(super) secret: bool,
}

const fn plain(name: &'static str, default: &'static str) -> Opt {
    Opt {
        name,
        default,
        secret: false,
    }
}

const fn secret(name: &'static str) -> Opt {
    Opt {
        name,
        default: "",
        secret: true,
    }
}

pub(super) const OPTIONS: &[Opt] = &[
    plain("bind", "127.0.0.1:8080"),
    plain("admin_bind", "127.0.0.1:8081"),
    plain("api_bind", ""),
    plain("store", ""),
    plain("derived_store", ""),
    plain("fallback_store", ""),
    plain("s3_encryption", ""),
    plain("s3_kms_key", ""),
    plain("s3_bucket_key", "0"),
    plain("s3_storage_class", ""),
    plain("read_only", "0"),
    plain("public_url", ""),
    secret("signing_keys"),
    secret("ticket_keys"),
    secret("tokens"),
    plain("unsigned", ""),
    plain("originals", ""),
    plain("purge_varnish", ""),
    plain("purge_cloudfront", ""),
    plain("purge_webhook", ""),
    secret("purge_webhook_key"),
    plain("spool_dir", ""),
    plain("spool_bytes", "2GiB"),
    plain("allow_types", "*"),
    plain("max_upload_bytes", "5GiB"),
    plain("max_pixels", "100MP"),
    plain("max_declared_pixels", "250MP"),
    plain("quality_jpeg", "80"),
    plain("quality_webp", "80"),
    plain("quality_avif", "80"),
    plain("jpeg_progressive", "0"),
    plain("format_budget", "200ms"),
    plain("max_age", "60s"),
    plain("s_maxage", "1d"),
    plain("record_cache", "5s"),
    plain("memory_budget", ""),
    plain("hot_cache_bytes", ""),
    plain("workers", ""),
    plain("queue", "64"),
    plain("queue_wait", "5s"),
    plain("render_deadline", "15s"),
    plain("max_connections", "4096"),
    plain("header_timeout", "10s"),
    plain("body_timeout", "90s"),
    plain("body_min_rate", "1KiB"),
    plain("idle_timeout", "75s"),
    plain("write_timeout", "90s"),
    plain("write_min_rate", "1KiB"),
    plain("lame_duck", "15s"),
    plain("drain", "10s"),
    plain("log", "info"),
    plain("access_log", "all"),
    plain("emf", "0"),
];

/// What a site's own table may hold besides `presets`.
pub(super) const SITE_OPTIONS: &[Opt] = &[
    plain("prefix", ""),
    plain("public_url", ""),
    secret("signing_keys"),
    secret("ticket_keys"),
    plain("unsigned", ""),
    plain("originals", ""),
    plain("purge_varnish", ""),
    plain("purge_cloudfront", ""),
    plain("purge_webhook", ""),
    secret("purge_webhook_key"),
];

/// How an option is called in the environment.
pub(super) fn env_name(name: &str) -> String {
    format!("TINTYPE_{}", name.to_ascii_uppercase())
}
