//! Common mistakes, each put into a correct configuration. What cannot work is refused, what works differently than
//! meant is a warning, and each message has the name of the option and words that help.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::granted::{Granted, Limit, LimitSource};

const KEY: &str = "4f1c90b27da85e63b04a7f2c8d19e653";
const OTHER: &str = "9b7e02d41f6ca8350e7d92b41c6f8a05";
const HASH: &str = "6b0c2e5d9f8147a3b6d0e1f2c3948576a1b2c3d4e5f60718293a4b5c6d7e8f90";
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ECS: &str = "ECS_CONTAINER_METADATA_URI_V4";

use Fate::{Refused, Warned};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Refused,
    Warned,
}

/// In production, on a task of 2 CPUs and 2 GiB.
fn outcome(seeded: &[(&str, &str)]) -> Problems {
    let token = format!("ops:{HASH}:read+write");
    let right = [
        ("TINTYPE_STORE", "s3://media/originals"),
        ("TINTYPE_SIGNING_KEYS", KEY),
        ("TINTYPE_TOKENS", &*token),
    ];
    let is_seeded = |name: &str| seeded.iter().any(|(seeded, _)| name == *seeded);
    let kept = right.into_iter().filter(|(name, _)| !is_seeded(name));
    let environment = kept.chain(seeded.iter().copied());
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = Config::load(environment, Path::new("/nonexistent/tintype.toml"), None);
    let config = match loaded {
        Ok(loaded) => loaded.config,
        Err(refused) => {
            let warned = Vec::new();
            return Problems { refused, warned };
        }
    };
    let mut problems = config.misfits(&task());
    problems.warned.extend(config.warnings(SystemTime::now()));
    problems
}

fn task() -> Granted {
    Granted {
        cpus: Limit {
            value: NonZeroUsize::new(2).unwrap(),
            from: LimitSource::TaskMetadata,
        },
        memory_bytes: Some(Limit {
            value: 2 << 30,
            from: LimitSource::TaskMetadata,
        }),
        unread: None,
    }
}

#[track_caller]
fn check(seeded: &[(&str, &str)], fate: Fate, name: &str, words: &str) {
    let Problems { refused, warned } = outcome(seeded);
    let (problems, other) = match fate {
        Refused => (&refused, &warned),
        Warned => (&warned, &refused),
    };
    let is_told = |problem: &&Problem| {
        problem.name == name && problem.to_string().contains(words) && !problem.fix.is_empty()
    };
    assert!(
        problems.iter().any(|problem| is_told(&problem)) && !other.iter().any(|p| p.name == name),
        "{seeded:?} should be {fate:?} by {name} with {words:?}:\n{refused:#?}\n{warned:#?}"
    );
    let of_others = problems
        .iter()
        .filter(|problem| problem.name != name)
        .count();
    assert_eq!(of_others, 0, "{seeded:?}: {problems:#?}");
}

#[test]
fn correct_configurations_cause_no_problems() {
    for more in [
        &[][..],
        &[("TINTYPE_PUBLIC_URL", "https://media.example.org/media/")],
        &[
            ("TINTYPE_BIND", "0.0.0.0:8080"),
            ("TINTYPE_ADMIN_BIND", "0.0.0.0:8081"),
        ],
        &[
            ("TINTYPE_BIND", "127.0.0.1:80"),
            ("TINTYPE_ADMIN_BIND", "127.0.0.2:80"),
        ],
        &[("TINTYPE_DERIVED_STORE", "s3://media/derived")],
        &[("TINTYPE_DERIVED_STORE", "s3://media/originals-derived")],
        &[
            ("TINTYPE_MEMORY_BUDGET", "1536MiB"),
            ("TINTYPE_MAX_PIXELS", "50MP"),
        ],
        &[(
            "TINTYPE_SIGNING_KEYS",
            " 4f1c90b27da85e63b04a7f2c8d19e653\n",
        )],
        &[("TINTYPE_TICKET_KEYS", OTHER)],
        &[
            ("TINTYPE_SPOOL_BYTES", "5GiB"),
            ("TINTYPE_MAX_UPLOAD_BYTES", "5GiB"),
        ],
        &[("TINTYPE_TOKENS", "none")],
        &[
            ("TINTYPE_STORE", "s3://media/originals "),
            ("TINTYPE_API_BIND", " "),
        ],
        &[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
            ("TINYTURBO_STORE", "x"),
        ],
    ] {
        let problems = outcome(more);
        // The test machine may be short of disk space or descriptors.
        let is_ours =
            |p: &&Problem| !["TINTYPE_SPOOL_BYTES", "TINTYPE_MAX_CONNECTIONS"].contains(&&*p.name);
        let warned: Vec<_> = problems.warned.iter().filter(is_ours).collect();
        assert!(
            problems.refused.is_empty() && warned.is_empty(),
            "{more:?}: {problems:?}"
        );
    }
}

/// Refused: variable, value, words of the message.
#[test]
fn impossible_settings_are_refused() {
    let token = |fields: &str| format!("ops:{HASH}:{fields}");
    let in_ecs = format!("{{\"signing_keys\":\"{KEY}\"}}");
    let milliseconds = token("read::1900000000000");
    let (empty, climbs) = (format!("ops:{OF_NOTHING}:read"), token("read:..%2F"));
    let quoted = format!("\"{KEY}\"");
    let spaced = format!("{KEY} {OTHER}");
    let twice = format!("{KEY},{KEY}");
    let plain = format!("tt_ops_{KEY}");
    let and_none = format!("none,{}", token("read"));
    for (name, value, words) in [
        // Secrets.
        ("TINTYPE_SIGNING_KEYS", &*in_ecs, "valueFrom"),
        ("TINTYPE_TOKENS", r#"["a","b"]"#, "JSON"),
        ("TINTYPE_TICKET_KEYS", r#"{"current":"x"}"#, "JSON"),
        ("TINTYPE_SIGNING_KEYS", &quoted, "quotes"),
        (
            "TINTYPE_SIGNING_KEYS",
            "arn:aws:secretsmanager:eu-central-1:0:secret:keys",
            "address of a secret",
        ),
        (
            "TINTYPE_SIGNING_KEYS",
            "{{resolve:secretsmanager:keys:SecretString}}",
            "JSON",
        ),
        (
            "TINTYPE_SIGNING_KEYS",
            "/run/secrets/the-signing-keys-of-the-site",
            "_FILE",
        ),
        ("TINTYPE_SIGNING_KEYS_FILE", "/dev/null", "empty"),
        ("TINTYPE_SIGNING_KEYS_FILE", "/dev/zero", "larger than"),
        ("TINTYPE_SIGNING_KEYS", ",,", "no key"),
        ("TINTYPE_SIGNING_KEYS", &spaced, "comma"),
        ("TINTYPE_SIGNING_KEYS", &twice, "twice"),
        (
            "TINTYPE_SIGNING_KEYS",
            "${SIGNING_KEYS_OF_THE_WHOLE_SERVICE}",
            "placeholder",
        ),
        ("TINTYPE_TOKENS", &plain, "hash"),
        ("TINTYPE_TOKENS", &and_none, "must stand alone"),
        ("TINTYPE_TOKENS", &milliseconds, "seconds"),
        ("TINTYPE_TOKENS", &empty, "empty"),
        ("TINTYPE_TOKENS", &climbs, "no key starts"),
        // Addresses.
        (
            "TINTYPE_PUBLIC_URL",
            "https://media.example.org/t/",
            "twice",
        ),
        ("TINTYPE_PUBLIC_URL", "https://media.example.org/o", "twice"),
        (
            "TINTYPE_PUBLIC_URL",
            "https://media.example.org/api/v1",
            "API",
        ),
        (
            "TINTYPE_PUBLIC_URL",
            "https://a.example,https://b.example",
            "https://media",
        ),
        (
            "TINTYPE_PUBLIC_URL",
            "https://media.example.org:99999",
            "https://media",
        ),
        (
            "TINTYPE_PUBLIC_URL",
            "https://media.example.org//m",
            "segment",
        ),
        ("TINTYPE_PUBLIC_URL", "https://$(DOMAIN)", "placeholder"),
        ("TINTYPE_PUBLIC_URL", "https://<domain>", "https://media"),
        ("TINTYPE_PURGE_VARNISH", "http://127.0.0.1:8080", "itself"),
        (
            "TINTYPE_PURGE_VARNISH",
            "http://varnish:0",
            "http://varnish-1",
        ),
        (
            "TINTYPE_PURGE_CLOUDFRONT",
            "arn:aws:cloudfront::0:distribution/E1EXAMPLE",
            "E1EXAMPLE",
        ),
        ("TINTYPE_BIND", "'0.0.0.0:8080'", "quotes"),
        // Stores.
        (
            "TINTYPE_STORE",
            "s3://AKIA:topsecret@media/x",
            "credentials",
        ),
        (
            "TINTYPE_STORE",
            "s3://arn:aws:s3:::media",
            "a bucket's name",
        ),
        (
            "TINTYPE_STORE",
            "https://media.s3.amazonaws.com",
            "s3://bucket",
        ),
        ("TINTYPE_STORE", "file:///", "system folder"),
        ("TINTYPE_STORE", "file:///etc", "system folder"),
        (
            "TINTYPE_DERIVED_STORE",
            "s3://media/originals/",
            "same as store",
        ),
        (
            "TINTYPE_DERIVED_STORE",
            "s3://media/originals/derived",
            "is inside store",
        ),
        (
            "TINTYPE_FALLBACK_STORE",
            "s3://media/originals",
            "same as store",
        ),
        ("TINTYPE_SPOOL_DIR", "/proc/version", "not a folder"),
        // Units and ranges.
        ("TINTYPE_MAX_PIXELS", "100", "100MP"),
        ("TINTYPE_MEMORY_BUDGET", "512", "unit"),
        ("TINTYPE_MEMORY_BUDGET", "4GiB", "kernel"),
        ("TINTYPE_MEMORY_BUDGET", "75%", "512MiB"),
        ("TINTYPE_SPOOL_BYTES", "2", "unit"),
        ("TINTYPE_MAX_UPLOAD_BYTES", "20", "unit"),
        ("TINTYPE_HEADER_TIMEOUT", "10ms", "network"),
        ("TINTYPE_RENDER_DEADLINE", "15ms", "network"),
        ("TINTYPE_MAX_AGE", "31536001s", "365d"),
        ("TINTYPE_S_MAXAGE", "9999d", "365d"),
        ("TINTYPE_ALLOW_TYPES", "image/jpg,image/png", "image/jpeg"),
        ("TINTYPE_ALLOW_TYPES", ",", "nothing could be uploaded"),
        ("AWS_ENDPOINT_URL", "minio:9000", "https://"),
    ] {
        check(&[(name, value)], Refused, name, words);
    }
}

#[test]
fn contradictory_settings_are_refused() {
    let media = tempfile::tempdir().unwrap();
    let store = format!("file://{}", media.path().display());
    let key = media.path().join("keys");
    std::fs::write(&key, KEY).unwrap();
    let (derived, spool) = (format!("{store}/derived"), media.path().join("spool"));
    let (key, spool) = (key.display().to_string(), spool.display().to_string());
    let around = format!("{store}/./");
    let store = ("TINTYPE_STORE", &*store);
    let webhook = ("TINTYPE_PURGE_WEBHOOK", "https://cdn.example/purge");
    for (seeded, name, words) in [
        (
            &[("TINTYPE_BIND", "0.0.0.0:8081")][..],
            "TINTYPE_BIND",
            "its own port",
        ),
        (
            &[("TINTYPE_BIND", "[::]:8081")],
            "TINTYPE_BIND",
            "its own port",
        ),
        (
            &[("TINTYPE_API_BIND", "0.0.0.0:8080")],
            "TINTYPE_API_BIND",
            "its own port",
        ),
        (
            &[
                ("TINTYPE_ADMIN_BIND", "[::1]:80"),
                ("TINTYPE_BIND", "[::]:80"),
            ],
            "TINTYPE_ADMIN_BIND",
            "used by",
        ),
        (
            &[store, ("TINTYPE_DERIVED_STORE", &*around)],
            "TINTYPE_DERIVED_STORE",
            "same as store",
        ),
        (
            &[store, ("TINTYPE_DERIVED_STORE", &*derived)],
            "TINTYPE_DERIVED_STORE",
            "is inside store",
        ),
        (
            &[store, ("TINTYPE_SPOOL_DIR", &*spool)],
            "TINTYPE_SPOOL_DIR",
            "hidden folder",
        ),
        (
            &[store, ("TINTYPE_TICKET_KEYS_FILE", &*key)],
            "TINTYPE_TICKET_KEYS_FILE",
            "is inside the store",
        ),
        (
            &[
                ("TINTYPE_DERIVED_STORE", "s3://media/derived"),
                ("TINTYPE_FALLBACK_STORE", "s3://media/derived"),
            ],
            "TINTYPE_FALLBACK_STORE",
            "same as derived_store",
        ),
        (
            &[webhook, ("TINTYPE_PURGE_WEBHOOK_KEY", KEY)],
            "TINTYPE_PURGE_WEBHOOK_KEY",
            "must not know",
        ),
        (
            &[
                ("TINTYPE_MEMORY_BUDGET", "1GiB"),
                ("TINTYPE_HOT_CACHE_BYTES", "1GiB"),
            ],
            "TINTYPE_HOT_CACHE_BYTES",
            "whole memory budget",
        ),
    ] {
        let keyless = seeded
            .iter()
            .any(|(name, _)| *name == "TINTYPE_TICKET_KEYS_FILE");
        let seeded = match keyless {
            true => [seeded, &[("TINTYPE_SIGNING_KEYS", OTHER)]].concat(),
            false => seeded.to_vec(),
        };
        check(&seeded, Refused, name, words);
    }
}

#[test]
fn settings_that_work_differently_than_meant_are_warnings() {
    let token = |id: &str, fields: &str| format!("{id}:{HASH}:{fields}");
    let expired = token("old", "read::1500000000");
    let one_expired = format!("{expired},new:{}:read", HASH.replace('6', "7"));
    let (mints, twins) = (
        token("desk", "mint"),
        format!("{},{}", token("a", "read"), token("b", "list")),
    );
    let slash = token("desk", "write:%2Fphotos");
    let guessable = "ab".repeat(16);
    let shared = format!("[sites.a]\nprefix = \"a/\"\nsigning_keys = \"{KEY}\"");
    for (seeded, name, words) in [
        // Times.
        (&[("TINTYPE_DRAIN", "110s")][..], "TINTYPE_DRAIN", "120s"),
        (&[("TINTYPE_LAME_DUCK", "5m")], "TINTYPE_LAME_DUCK", "120s"),
        (&[("TINTYPE_DRAIN", "0s")], "TINTYPE_DRAIN", "cut off"),
        (
            &[("TINTYPE_QUEUE_WAIT", "20s")],
            "TINTYPE_QUEUE_WAIT",
            "shorter than render_deadline",
        ),
        (
            &[("TINTYPE_RENDER_DEADLINE", "3s")],
            "TINTYPE_RENDER_DEADLINE",
            "shorter than render_deadline",
        ),
        (
            &[("TINTYPE_RENDER_DEADLINE", "60s")],
            "TINTYPE_RENDER_DEADLINE",
            "CloudFront",
        ),
        (
            &[("TINTYPE_FORMAT_BUDGET", "20s")],
            "TINTYPE_FORMAT_BUDGET",
            "render_deadline",
        ),
        (
            &[("TINTYPE_IDLE_TIMEOUT", "10s")],
            "TINTYPE_IDLE_TIMEOUT",
            "balancer",
        ),
        (
            &[("TINTYPE_IDLE_TIMEOUT", "60s")],
            "TINTYPE_IDLE_TIMEOUT",
            "balancer",
        ),
        (
            &[("TINTYPE_HEADER_TIMEOUT", "10m")],
            "TINTYPE_HEADER_TIMEOUT",
            "10s",
        ),
        (
            &[("TINTYPE_BODY_TIMEOUT", "1d")],
            "TINTYPE_BODY_TIMEOUT",
            "holds a connection",
        ),
        (
            &[("TINTYPE_WRITE_TIMEOUT", "1d")],
            "TINTYPE_WRITE_TIMEOUT",
            "holds a connection",
        ),
        (&[("TINTYPE_MAX_AGE", "30d")], "TINTYPE_MAX_AGE", "version"),
        (
            &[("TINTYPE_RECORD_CACHE", "1h")],
            "TINTYPE_RECORD_CACHE",
            "replica",
        ),
        (
            &[("TINTYPE_RECORD_CACHE", "0s")],
            "TINTYPE_RECORD_CACHE",
            "bucket",
        ),
        (
            &[
                (ECS, "http://127.0.0.1:1/"),
                ("TINTYPE_BIND", "0.0.0.0:8080"),
                ("TINTYPE_ADMIN_BIND", "0.0.0.0:8081"),
                ("TINTYPE_LAME_DUCK", "0s"),
            ],
            "TINTYPE_LAME_DUCK",
            "balancer",
        ),
        // Sizes.
        (
            &[("TINTYPE_SPOOL_BYTES", "1GiB")],
            "TINTYPE_SPOOL_BYTES",
            "507",
        ),
        (
            &[("TINTYPE_MAX_UPLOAD_BYTES", "20GiB")],
            "TINTYPE_MAX_UPLOAD_BYTES",
            "507",
        ),
        (
            &[("TINTYPE_MAX_UPLOAD_BYTES", "5000")],
            "TINTYPE_MAX_UPLOAD_BYTES",
            "unit",
        ),
        (
            &[("TINTYPE_MAX_PIXELS", "20000")],
            "TINTYPE_MAX_PIXELS",
            "MP",
        ),
        (
            &[("TINTYPE_MAX_PIXELS", "4000MP")],
            "TINTYPE_MAX_PIXELS",
            "more memory",
        ),
        (
            &[("TINTYPE_MEMORY_BUDGET", "128MiB")],
            "TINTYPE_MEMORY_BUDGET",
            "lower max_pixels",
        ),
        (
            &[("TINTYPE_MEMORY_BUDGET", "1948MiB")],
            "TINTYPE_MEMORY_BUDGET",
            "no budget counts",
        ),
        (
            &[("TINTYPE_HOT_CACHE_BYTES", "64")],
            "TINTYPE_HOT_CACHE_BYTES",
            "unit",
        ),
        (
            &[("TINTYPE_HOT_CACHE_BYTES", "8GiB")],
            "TINTYPE_HOT_CACHE_BYTES",
            "half",
        ),
        (&[("TINTYPE_WORKERS", "64")], "TINTYPE_WORKERS", "2 cpus"),
        (
            &[("TINTYPE_QUEUE", "100000")],
            "TINTYPE_QUEUE",
            "max_connections",
        ),
        (
            &[("TINTYPE_MAX_CONNECTIONS", "4")],
            "TINTYPE_MAX_CONNECTIONS",
            "4096",
        ),
        (
            &[("TINTYPE_WRITE_MIN_RATE", "10MiB")],
            "TINTYPE_WRITE_MIN_RATE",
            "line",
        ),
        (
            &[("TINTYPE_QUALITY_JPEG", "8")],
            "TINTYPE_QUALITY_JPEG",
            "80",
        ),
        // Addresses.
        (
            &[("TINTYPE_BIND", "127.0.0.1:0")],
            "TINTYPE_BIND",
            "each start",
        ),
        (
            &[
                (ECS, "http://127.0.0.1:1/"),
                ("TINTYPE_ADMIN_BIND", "0.0.0.0:8081"),
            ],
            "TINTYPE_BIND",
            "0.0.0.0:8080",
        ),
        (
            &[("TINTYPE_PUBLIC_URL", "http://media.example.org")],
            "TINTYPE_PUBLIC_URL",
            "https",
        ),
        (
            &[
                ("TINTYPE_PUBLIC_URL", "http://localhost:8080"),
                ("TINTYPE_BIND", "0.0.0.0:8080"),
            ],
            "TINTYPE_PUBLIC_URL",
            "own machine",
        ),
        (
            &[("TINTYPE_PURGE_CLOUDFRONT", "E1EXAMPLE,E1EXAMPLE")],
            "TINTYPE_PURGE_CLOUDFRONT",
            "twice",
        ),
        (
            &[
                ("TINTYPE_READ_ONLY", "1"),
                ("TINTYPE_PURGE_VARNISH", "http://varnish:6081"),
            ],
            "TINTYPE_PURGE_VARNISH",
            "read-only",
        ),
        // Stores.
        (
            &[("TINTYPE_DERIVED_STORE", "s3://media")],
            "TINTYPE_DERIVED_STORE",
            "deleted",
        ),
        (
            &[("TINTYPE_FALLBACK_STORE", "s3://media")],
            "TINTYPE_FALLBACK_STORE",
            "is inside the other",
        ),
        (
            &[
                ("TINTYPE_STORE", "file:///srv"),
                ("TINTYPE_DERIVED_STORE", "s3://derived"),
                ("TINTYPE_S3_STORAGE_CLASS", "STANDARD_IA"),
            ],
            "TINTYPE_S3_STORAGE_CLASS",
            "no bucket",
        ),
        // Access control.
        (
            &[("TINTYPE_UNSIGNED", "any")],
            "TINTYPE_UNSIGNED",
            "signing_keys",
        ),
        (
            &[("TINTYPE_SIGNING_KEYS", ""), ("TINTYPE_UNSIGNED", "none")],
            "TINTYPE_UNSIGNED",
            "no image",
        ),
        (
            &[
                ("TINTYPE_SIGNING_KEYS", ""),
                ("TINTYPE_UNSIGNED", "presets"),
            ],
            "TINTYPE_UNSIGNED",
            "no image",
        ),
        (
            &[
                ("TINTYPE_SIGNING_KEYS", ""),
                ("TINTYPE_UNSIGNED", "any"),
                ("TINTYPE_ORIGINALS", "signed"),
            ],
            "TINTYPE_ORIGINALS",
            "nobody",
        ),
        (
            &[("TINTYPE_SIGNING_KEYS", &guessable)],
            "TINTYPE_SIGNING_KEYS",
            "guessed",
        ),
        (
            &[("TINTYPE_CONFIG_INLINE", &shared)],
            "sites.a.signing_keys",
            "another site",
        ),
        (
            &[("TINTYPE_TOKENS", &expired)],
            "TINTYPE_TOKENS",
            "every token",
        ),
        (
            &[("TINTYPE_TOKENS", &one_expired)],
            "TINTYPE_TOKENS",
            "expired: old",
        ),
        (
            &[("TINTYPE_TOKENS", &mints)],
            "TINTYPE_TOKENS",
            "ticket_keys",
        ),
        (
            &[("TINTYPE_TOKENS", &twins)],
            "TINTYPE_TOKENS",
            "same secret",
        ),
        (&[("TINTYPE_TOKENS", &slash)], "TINTYPE_TOKENS", "slash"),
        // Variables of other programs.
        (
            &[("TINYTYPE_QUEUE", "5")],
            "TINYTYPE_QUEUE",
            "TINTYPE_QUEUE",
        ),
        (
            &[("AWS_ACCESS_KEY_ID", "AKIA")],
            "AWS_ACCESS_KEY_ID",
            "both or neither",
        ),
        (
            &[
                ("AWS_ACCESS_KEY_ID", "AKIA"),
                ("AWS_SECRET_ACCESS_KEY", "x"),
                ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"),
            ],
            "AWS_ACCESS_KEY_ID",
            "role",
        ),
        (
            &[
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
                ("TINTYPE_PURGE_CLOUDFRONT", "E1EXAMPLE"),
            ],
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3",
        ),
    ] {
        check(seeded, Warned, name, words);
    }
}

#[test]
fn stores_that_do_not_last_cause_a_warning() {
    let shm = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = shm.path().display().to_string();
    check(
        &[("TINTYPE_SPOOL_DIR", &path)],
        Warned,
        "TINTYPE_SPOOL_DIR",
        "memory",
    );
    let store = format!("file://{path}");
    check(
        &[("TINTYPE_STORE", &store)],
        Warned,
        "TINTYPE_STORE",
        "volume",
    );
    let disk = "999TiB";
    check(
        &[("TINTYPE_SPOOL_BYTES", disk)],
        Warned,
        "TINTYPE_SPOOL_BYTES",
        "file system",
    );
}

#[test]
fn a_token_that_expires_while_the_service_runs_is_reported() {
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
    let at = tomorrow
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = format!("ops:{HASH}:read::{at}");
    let environment = [
        ("TINTYPE_STORE", "s3://media"),
        ("TINTYPE_SIGNING_KEYS", KEY),
        ("TINTYPE_TOKENS", &token),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::load(environment, Path::new("/nonexistent"), None)
        .unwrap()
        .config;
    assert_eq!(config.warnings(SystemTime::now()), []);
    assert_eq!(config.warnings(tomorrow)[0].name, "TINTYPE_TOKENS");
}

/// No message repeats a value that may be a secret.
#[test]
fn no_message_repeats_what_may_be_a_secret() {
    const SECRET: &str = "hunter2";
    for (name, value) in [
        ("TINTYPE_STORE", "s3://AKIA:hunter2@media/x"),
        ("TINTYPE_STORE", "s3://media/x?secret=hunter2"),
        ("TINTYPE_STORE", "file:///srv?password=hunter2"),
        (
            "TINTYPE_PUBLIC_URL",
            "https://user:hunter2@media.example.org",
        ),
        (
            "TINTYPE_PUBLIC_URL",
            "https://media.example.org/?key=hunter2",
        ),
        ("TINTYPE_PURGE_VARNISH", "http://user:hunter2@varnish:6081"),
        ("TINTYPE_PURGE_WEBHOOK", "ftp://cdn.example/?key=hunter2"),
        ("TINTYPE_SIGNING_KEYS", r#"{"key":"hunter2"}"#),
        ("TINTYPE_BIND", r#"{"key":"hunter2"}"#),
        ("TINTYPE_TOKENS", "tt_ops_hunter2"),
    ] {
        let problems = outcome(&[(name, value)]);
        assert!(!problems.refused.is_empty(), "{name}={value}");
        assert!(!format!("{problems:?}").contains(SECRET), "{problems:?}");
    }
    let webhook = [
        ("TINTYPE_STORE", "s3://media"),
        ("TINTYPE_UNSIGNED", "any"),
        ("TINTYPE_TOKENS", "none"),
        (
            "TINTYPE_PURGE_WEBHOOK",
            "https://cdn.example/purge?key=hunter2",
        ),
        ("TINTYPE_PURGE_WEBHOOK_KEY", KEY),
    ];
    let webhook = webhook.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = Config::load(webhook, Path::new("/nonexistent"), None).unwrap();
    assert!(loaded.effective.contains("https://cdn.example/purge?…"));
    assert!(!loaded.effective.contains(SECRET), "{}", loaded.effective);
}
