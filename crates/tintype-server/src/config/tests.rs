//! Every mistake is found before a port is bound, and all are reported together.

use std::path::Path;

use tintype_store::Key;

use super::*;
use crate::url::{Originals, Unsigned};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn load(environment: &[(&str, &str)], dev: Option<&Dev>) -> Result<Loaded, Vec<Problem>> {
    let environment = environment
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Config::load(environment, Path::new("/nonexistent/tintype.toml"), dev)
}

fn names(result: Result<Loaded, Vec<Problem>>) -> Vec<String> {
    let problems = result
        .map(|loaded| loaded.effective)
        .expect_err("should be refused");
    problems.into_iter().map(|problem| problem.name).collect()
}

fn dev(environment: &[(&str, &str)]) -> Config {
    load(environment, Some(&Dev::default())).unwrap().config
}

#[test]
fn dev_needs_nothing() {
    let config = dev(&[]);
    assert_eq!(config.addresses.bind.to_string(), "127.0.0.1:8080");
    let site = config.sites.of(&Key::parse("a.jpg").unwrap());
    assert_eq!(
        (site.unsigned, site.originals),
        (Unsigned::Any, Originals::Public)
    );
    assert_eq!(config.tokens[0].id, "dev");
}

#[test]
fn dev_only_fills_in_what_is_not_set() {
    let config = dev(&[
        ("TINTYPE_UNSIGNED", "presets"),
        ("TINTYPE_SIGNING_KEYS", KEY),
    ]);
    let site = config.sites.of(&Key::parse("a.jpg").unwrap());
    assert_eq!(
        (site.unsigned, site.originals),
        (Unsigned::Presets, Originals::Signed)
    );
}

#[test]
fn dev_does_not_open_the_door_to_the_network() {
    let everywhere = [("TINTYPE_BIND", "0.0.0.0:8080")];
    assert_eq!(
        names(load(&everywhere, Some(&Dev::default()))),
        ["TINTYPE_BIND"]
    );
    let secret = "random".to_owned();
    let anywhere = Dev {
        root: None,
        anywhere: Some(secret),
    };
    let config = load(&everywhere, Some(&anywhere)).unwrap().config;
    assert_eq!(
        config.tokens,
        [Token::with_secret("dev-anywhere", "random")]
    );
}

#[test]
fn production_reports_all_missing_options_together() {
    let names = names(load(&[], None));
    for name in ["TINTYPE_STORE", "TINTYPE_SIGNING_KEYS", "TINTYPE_TOKENS"] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} is not in {names:?}"
        );
    }
}

#[test]
fn deliberate_omissions_are_accepted() {
    let said = [
        ("TINTYPE_STORE", "file:///srv/media"),
        ("TINTYPE_UNSIGNED", "any"),
        ("TINTYPE_TOKENS", "none"),
    ];
    let config = load(&said, None).unwrap().config;
    assert!(config.tokens.is_empty());
}

#[test]
fn every_mistake_is_named_with_its_fix() {
    for (name, value, word) in [
        ("TINTYPE_BIMD", "127.0.0.1:1", "TINTYPE_BIND"),
        ("TINTYPE_bind", "127.0.0.1:1", "capitals"),
        ("TINTYPE_BIND", "localhost", "0.0.0.0:8080"),
        ("TINTYPE_STORE", "/srv/media", "file:///"),
        ("TINTYPE_SIGNING_KEYS", "short", "32"),
        ("TINTYPE_TOKENS", "a:b:c", "SHA-256"),
        ("TINTYPE_UNSIGNED", "some", "none, presets and any"),
        ("TINTYPE_ORIGINALS", "all", "public nor signed"),
        ("TINTYPE_BIND", "127.0.0.1:8081", "its own port"),
        ("TINTYPE_STORE", "s3://Bucket", "a-z"),
        ("TINTYPE_DERIVED_STORE", "file://media", "file:///"),
        ("TINTYPE_PUBLIC_URL", "https:///x", "https://media"),
        (
            "TINTYPE_PUBLIC_URL",
            "https://x.example/?a",
            "https://media",
        ),
        ("TINTYPE_QUALITY_AVIF", "101", "1 to 100"),
        ("TINTYPE_PURGE_VARNISH", "varnish:6081", "http://varnish-1"),
        ("TINTYPE_PURGE_VARNISH", "http://a:1/x", "http://varnish-1"),
        ("TINTYPE_PURGE_CLOUDFRONT", "d1.example", "E1EXAMPLE"),
        ("TINTYPE_PURGE_WEBHOOK_KEY", KEY, "both or neither"),
        ("TINTYPE_IDLE_TIMEOUT", "0s", "above 0"),
        ("TINTYPE_MAX_UPLOAD_BYTES", "0", "above 0"),
        ("TINTYPE_WORKERS", "2000", "1 to 1024"),
        ("TINTYPE_QUEUE", "-1", "above 0"),
        ("TINTYPE_LOG", "tintype=verbose", "info"),
        (
            "TINTYPE_CONFIG",
            "s3://bucket",
            "bucket/path/to/tintype.toml",
        ),
        (
            "TINTYPE_CONFIG",
            "s3://Bucket/a.toml",
            "bucket/path/to/tintype.toml",
        ),
        ("TINTYPE_DRAIN_SECONDS", "9", "config/tintype.toml"),
        ("TINTYPE_PUBLIC_URL", "media.example.org", "https://"),
        ("TINTYPE_QUALITY_JPEG", "0", "1 to 100"),
        ("TINTYPE_SPOOL_BYTES", "lots", "512MiB"),
        ("TINTYPE_RENDER_DEADLINE", "15", "15s"),
        ("TINTYPE_WORKERS", "0", "from 1"),
        ("TINTYPE_ALLOW_TYPES", "jpeg", "image/jpeg"),
        ("TINTYPE_MAX_PIXELS", "many", "100MP"),
        ("TINTYPE_CONFIG", "/nonexistent.toml", "read"),
        ("TINTYPE_CONFIG_INLINE", "a = ", "TOML"),
        ("TINTYPE_TOKENS_FILE", "/nonexistent", "read"),
    ] {
        let problems = load(&[(name, value)], Some(&Dev::default())).map(|l| l.effective);
        let problems = problems.expect_err(name);
        assert_eq!(problems.len(), 1, "{problems:?}");
        if word != "its own port" {
            assert_eq!(problems[0].name, name);
        }
        let text = problems[0].to_string();
        assert!(text.contains(word), "{text} does not say {word}");
    }
}

#[test]
fn keys_of_the_file_are_checked_like_variables() {
    for (toml, name) in [
        ("bimd = \"x\"", "bimd"),
        ("[presets]\ncard = \"w_0\"", "presets.card"),
        ("[presets]\nCard = \"w_10\"", "presets.Card"),
        (
            "[presets]\ncard = \"w_10~sig_AAAAAAAAAAAAAAAAAAAAAA\"",
            "presets.card",
        ),
        ("[sites.a]\nunsigned = \"any\"", "sites.a.prefix"),
        (
            "[sites.\"a b\"]\nprefix = \"a/\"\nunsigned = \"any\"",
            "sites.a b",
        ),
        (
            "[sites.a]\nprefix = \"a/\"\nsigning_keys = \"x\"",
            "sites.a.signing_keys",
        ),
        (
            "[sites.a]\nprefix = \"a/\"\nunsigned = \"any\"\nstore = \"x\"",
            "sites.a.store",
        ),
        ("old_urls = 3", "old_urls"),
        ("[[old_urls]]\nprefix = \"/\"", "old_urls[0].grammar"),
        (
            "[sites.a]\nprefix = \"a/\"\nunsigned = \"any\"\n[[sites.a.old_urls]]\ngrammar = \"x\"",
            "sites.a.old_urls[0].grammar",
        ),
    ] {
        let problems = names(load(
            &[("TINTYPE_CONFIG_INLINE", toml)],
            Some(&Dev::default()),
        ));
        assert!(
            problems.iter().any(|problem| problem == name),
            "{toml}: {problems:?}"
        );
    }
}

#[test]
fn a_secret_serves_one_purpose_and_is_never_shown() {
    let name = |environment: &[(&str, &str)]| names(load(environment, Some(&Dev::default())));
    let twice = [("TINTYPE_SIGNING_KEYS", KEY), ("TINTYPE_TICKET_KEYS", KEY)];
    assert_eq!(name(&twice), ["TINTYPE_TICKET_KEYS"]);
    let both = [
        ("TINTYPE_TOKENS", "none"),
        ("TINTYPE_TOKENS_FILE", "/dev/null"),
    ];
    assert_eq!(name(&both), ["TINTYPE_TOKENS_FILE"]);
    let well_known = Token::with_secret("ops", DEV_TOKEN).to_string();
    assert_eq!(name(&[("TINTYPE_TOKENS", &well_known)]), ["TINTYPE_TOKENS"]);

    // The most likely mix-up puts the secret where the path should be.
    for (variable, value) in [
        ("TINTYPE_SIGNING_KEYS_FILE", KEY),
        ("TINTYPE_SIGNING_KEY", KEY),
        (
            "TINTYPE_CONFIG_INLINE",
            &format!("signing_keys = [\"{KEY}\""),
        ),
    ] {
        let problems = load(&[(variable, value)], Some(&Dev::default())).unwrap_err();
        assert!(!format!("{problems:?}").contains(KEY), "{problems:?}");
    }
}

#[test]
fn secrets_are_separated_by_commas_lists_or_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let other = KEY.to_uppercase();
    std::fs::write(&path, format!("{KEY}\n{other}\n")).unwrap();
    for (variable, value) in [
        ("TINTYPE_SIGNING_KEYS", format!("{KEY}, {other}")),
        ("TINTYPE_SIGNING_KEYS_FILE", path.display().to_string()),
        (
            "TINTYPE_CONFIG_INLINE",
            format!("signing_keys = [\"{KEY}\", \"{other}\"]"),
        ),
        (
            "TINTYPE_CONFIG_INLINE",
            format!("signing_keys_file = {path:?}"),
        ),
    ] {
        let config = dev(&[(variable, &value)]);
        let site = config.sites.of(&Key::parse("a.jpg").unwrap());
        assert_eq!(site.signing_keys.len(), 2, "{variable}");
    }
    let comma = format!("signing_keys = [\"{KEY},{other}\"]");
    let refused = load(&[("TINTYPE_CONFIG_INLINE", &comma)], Some(&Dev::default()));
    assert_eq!(names(refused), ["signing_keys"]);
}

#[test]
fn purgers_belong_to_a_site_and_a_webhook_has_its_key() {
    let webhook = ("TINTYPE_PURGE_WEBHOOK", "https://cdn.example/purge?a=b");
    let unsigned = names(load(&[webhook], Some(&Dev::default())));
    assert_eq!(unsigned, ["TINTYPE_PURGE_WEBHOOK_KEY"]);
    let nowhere = [("TINTYPE_PURGE_WEBHOOK", "cdn.example/secret")];
    let problems = load(&nowhere, Some(&Dev::default())).unwrap_err();
    let text = format!("{problems:?}");
    assert!(
        text.contains("https://") && !text.contains("secret"),
        "{text}"
    );

    let config = dev(&[
        ("TINTYPE_PURGE_VARNISH", "http://one:6081/, http://two:6081"),
        ("TINTYPE_PURGE_CLOUDFRONT", "E1EXAMPLE,E2EXAMPLE"),
        webhook,
        ("TINTYPE_PURGE_WEBHOOK_KEY", KEY),
        (
            "TINTYPE_CONFIG_INLINE",
            "[sites.a]\nprefix = \"a/\"\nunsigned = \"any\"",
        ),
    ]);
    let purgers = |key: &str| &config.sites.of(&Key::parse(key).unwrap()).purgers;
    let named = purgers("x.jpg");
    assert_eq!(named.varnish, ["http://one:6081", "http://two:6081"]);
    assert_eq!(named.cloudfront, ["E1EXAMPLE", "E2EXAMPLE"]);
    assert!(named.webhook.is_some());
    assert_eq!(*purgers("a/x.jpg"), Default::default());
}

#[test]
fn an_empty_variable_is_not_set() {
    let config = dev(&[
        ("TINTYPE_STORE", ""),
        ("TINTYPE_TOKENS", ""),
        ("TINTYPE_CONFIG", ""),
    ]);
    assert_eq!(config.stores.store.to_string(), "file://./media");
    assert_eq!(config.tokens[0].id, "dev");
}

#[test]
fn the_api_of_dev_is_not_open_to_the_network_either() {
    let refused = load(
        &[("TINTYPE_API_BIND", "0.0.0.0:9000")],
        Some(&Dev::default()),
    );
    assert_eq!(names(refused), ["TINTYPE_API_BIND"]);
}

#[test]
fn originals_are_public_only_if_everything_is_or_if_configured() {
    let originals = |environment: &[(&str, &str)]| {
        let said = [
            ("TINTYPE_STORE", "file:///srv/media"),
            ("TINTYPE_TOKENS", "none"),
        ];
        let config = load(&[&said, environment].concat(), None).unwrap().config;
        config.sites.of(&Key::parse("a.jpg").unwrap()).originals
    };
    let keys = ("TINTYPE_SIGNING_KEYS", KEY);
    assert_eq!(originals(&[("TINTYPE_UNSIGNED", "any")]), Originals::Public);
    assert_eq!(
        originals(&[("TINTYPE_UNSIGNED", "presets")]),
        Originals::Signed
    );
    assert_eq!(
        originals(&[keys, ("TINTYPE_UNSIGNED", "any")]),
        Originals::Signed
    );
    assert_eq!(
        originals(&[keys, ("TINTYPE_ORIGINALS", "public")]),
        Originals::Public
    );
}

#[test]
fn keys_outside_of_all_sites_are_closed_by_default() {
    let toml = format!("[sites.a]\nprefix = \"a/\"\nsigning_keys = \"{KEY}\"\n");
    let said = [
        ("TINTYPE_STORE", "file:///srv/media"),
        ("TINTYPE_TOKENS", "none"),
        ("TINTYPE_CONFIG_INLINE", &toml),
    ];
    let config = load(&said, None).unwrap().config;
    let site = config.sites.of(&Key::parse("ab/c.jpg").unwrap());
    assert_eq!(site.name, "default");
    assert_eq!(
        (site.unsigned, site.originals),
        (Unsigned::None, Originals::Signed)
    );

    let half_said = [&said[..], &[("TINTYPE_ORIGINALS", "public")]].concat();
    assert_eq!(names(load(&half_said, None)), ["TINTYPE_SIGNING_KEYS"]);
}

#[test]
fn a_site_is_a_folder() {
    for prefix in ["", "a", "/a/", "a//b/", "../", ".tintype/", "/"] {
        let toml = format!("[sites.a]\nunsigned = \"any\"\nprefix = \"{prefix}\"");
        let refused = load(&[("TINTYPE_CONFIG_INLINE", &toml)], Some(&Dev::default()));
        assert_eq!(names(refused), ["sites.a.prefix"], "{prefix:?}");
    }
}

#[test]
fn memory_and_threads_come_from_the_machine_by_default() {
    use crate::config::granted::{Granted, Limit, LimitSource};
    use std::num::NonZeroUsize;
    let granted = Granted {
        cpus: Limit {
            value: NonZeroUsize::new(2).unwrap(),
            from: LimitSource::Machine,
        },
        memory_bytes: Some(Limit {
            value: 4 << 30,
            from: LimitSource::TaskMetadata,
        }),
        unread: None,
    };
    let resources = |environment: &[(&str, &str)]| {
        let resources = dev(environment).resources(&granted);
        (
            resources.workers.get(),
            resources.memory_budget >> 20,
            resources.hot_cache_bytes >> 20,
            resources.connections.get(),
        )
    };
    assert_eq!(resources(&[]), (2, 3072, 768, 4096));
    assert_eq!(
        resources(&[("TINTYPE_HOT_CACHE_BYTES", "0")]),
        (2, 3072, 0, 4096)
    );
    assert_eq!(
        resources(&[("TINTYPE_HOT_CACHE_BYTES", "8GiB")]),
        (2, 3072, 1536, 4096)
    );
    let all = [
        ("TINTYPE_WORKERS", "7"),
        ("TINTYPE_MEMORY_BUDGET", "1GiB"),
        ("TINTYPE_HOT_CACHE_BYTES", "1000MiB"),
    ];
    assert_eq!(resources(&all), (7, 1024, 1000, 4096));
    let too_much = [
        ("TINTYPE_MEMORY_BUDGET", "1GiB"),
        ("TINTYPE_HOT_CACHE_BYTES", "1GiB"),
    ];
    let refused = load(&too_much, Some(&Dev::default()));
    assert_eq!(names(refused), ["TINTYPE_HOT_CACHE_BYTES"]);
}

#[test]
fn the_longest_prefix_decides_about_the_site() {
    let toml = format!(
        "[presets]\ncard = \"w_1\"\n\
         [sites.a]\nprefix = \"a/\"\nsigning_keys = \"{KEY}\"\n\
         [sites.ab]\nprefix = \"a/b/\"\nunsigned = \"any\"\n"
    );
    let config = dev(&[("TINTYPE_CONFIG_INLINE", &toml)]);
    let site = |key: &str| config.sites.of(&Key::parse(key).unwrap()).name.clone();
    assert_eq!(
        [site("x.jpg"), site("a/x.jpg"), site("a/b/x.jpg")],
        ["default", "a", "ab"]
    );
}

#[test]
fn the_environment_wins_over_the_file_and_secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("{KEY}\n")).unwrap();
    let file = folder.path().join("tintype.toml");
    std::fs::write(&file, "queue = 7\nmax_age = \"9s\"\n").unwrap();
    let environment = [
        ("TINTYPE_QUEUE", "8".to_owned()),
        ("TINTYPE_SIGNING_KEYS_FILE", keys.display().to_string()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value));
    let loaded = Config::load(environment, &file, Some(&Dev::default())).unwrap();
    assert_eq!(
        (
            loaded.config.work.queue,
            loaded.config.caching.max_age.as_secs()
        ),
        (8, 9)
    );
    let site = loaded.config.sites.of(&Key::parse("a.jpg").unwrap());
    assert_eq!(site.signing_keys.len(), 1);
    assert!(!loaded.effective.contains(KEY), "a secret is shown");
    assert!(
        loaded
            .effective
            .contains("queue = \"8\"  # from TINTYPE_QUEUE"),
        "{}",
        loaded.effective
    );
}

#[test]
fn rules_for_old_urls_are_checked_one_by_one() {
    const THUMBOR: &str = "grammar = \"thumbor\"\nunsafe = true\n";
    const PATTERN: &str = "grammar = \"pattern\"\npath = \"(?P<key>.+)\"\n";
    let of = |entry: String| {
        let toml = format!("[[old_urls]]\n{entry}");
        load(&[("TINTYPE_CONFIG_INLINE", &toml)], Some(&Dev::default()))
    };
    for (grammar, entry, name, word) in [
        ("", "grammar = \"thumbor\"", "keys", "unsafe"),
        (
            "",
            "grammar = \"imgproxy\"\nkeys = [\"secret\"]",
            "keys",
            "hexkey:hexsalt",
        ),
        (
            "",
            "grammar = \"imgproxy\"\nkeys = [\"0f:1\"]",
            "keys",
            "hexkey:hexsalt",
        ),
        (
            "",
            "grammar = \"imgproxy\"\nsignature_size = 33",
            "signature_size",
            "1 to 32",
        ),
        (
            "",
            "grammar = \"imgproxy\"\nunsafe = true",
            "unsafe",
            "nothing of imgproxy",
        ),
        ("", "grammar = \"pattern\"", "path", "not set"),
        (
            "",
            "grammar = \"pattern\"\npath = \"(\"",
            "path",
            "unclosed",
        ),
        (PATTERN, "spec = \"w_{w}\"", "spec", "\"w\""),
        (PATTERN, "keys = [\"secret\"]", "keys", "nothing of pattern"),
        (PATTERN, "query = { w = \"[\" }", "query.w", "unclosed"),
        (THUMBOR, "keys_file = \"/nonexistent\"", "keys_file", "read"),
        (THUMBOR, "keys = [\"\"]", "keys", "empty"),
        (THUMBOR, "path = \".\"", "path", "nothing of thumbor"),
        (THUMBOR, "prefix = \"media\"", "prefix", "/media/cache/"),
        (THUMBOR, "prefix = \"/a?b\"", "prefix", "/media/cache/"),
        (THUMBOR, "answer = \"there\"", "answer", "here nor redirect"),
        (THUMBOR, "until = \"soon\"", "until", "2030-01-01"),
        (THUMBOR, "sizes = [\"300\"]", "sizes", "300x200"),
        (THUMBOR, "replace = [[\"(\", \"\"]]", "replace", "unclosed"),
    ] {
        let problems = of(format!("{grammar}{entry}")).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].name, format!("old_urls[0].{name}"), "{entry}");
        let text = problems[0].to_string();
        assert!(text.contains(word) && !text.contains("secret"), "{text}");
    }
    // serde's message about a value might show a secret.
    for entry in [
        "keys = \"secret\"",
        "keys = [17]",
        "sources = \"secret\"",
        "unknown = \"secret\"",
    ] {
        let problems = of(format!("{THUMBOR}{entry}")).unwrap_err();
        assert_eq!(problems[0].name, "old_urls[0]");
        assert!(
            !problems[0].to_string().contains("secret"),
            "{}",
            problems[0]
        );
    }
    for until in ["2030-01-01", "\"2030-01-01\""] {
        let config = of(format!("{THUMBOR}until = {until}\nprefix = \"/img\""))
            .unwrap()
            .config;
        let site = config.sites.of(&Key::parse("a.jpg").unwrap());
        let [rule] = &site.old_urls[..] else {
            panic!("{:?}", site.old_urls)
        };
        assert_eq!(rule.until.as_ref().unwrap().second, 1_893_456_000);
        assert_eq!(rule.prefix, "/img/");
    }
}

#[test]
fn a_list_is_of_its_site_and_its_keys_sign_for_no_other() {
    let toml = "[[old_urls]]\ngrammar = \"thumbor\"\nunsafe = true\nprefix = \"/one/\"\n\
                [sites.a]\nprefix = \"a/\"\nunsigned = \"any\"\n\
                [[sites.a.old_urls]]\ngrammar = \"thumbor\"\nunsafe = true\nkey_prefix = \"a/\"\n\
                [[sites.a.old_urls]]\ngrammar = \"thumbor\"\nunsafe = true\nprefix = \"/open/\"\n";
    let config = dev(&[("TINTYPE_CONFIG_INLINE", toml)]);
    let site = |path: &str| {
        let found = config.sites.old_url(path, None, 0)?;
        Some((found.site.name.clone(), found.result.is_ok()))
    };
    assert_eq!(
        site("/one/unsafe/9x9/x.jpg"),
        Some(("default".to_owned(), true))
    );
    assert_eq!(
        site("/one/unsafe/9x9/a/x.jpg"),
        Some(("default".to_owned(), false))
    );
    assert_eq!(site("/unsafe/9x9/x.jpg"), Some(("a".to_owned(), true)));
    assert_eq!(
        site("/open/unsafe/9x9/x.jpg"),
        Some(("a".to_owned(), false))
    );
    assert_eq!(site("/x.jpg"), None);
    let effective = load(&[("TINTYPE_CONFIG_INLINE", toml)], Some(&Dev::default()))
        .unwrap()
        .effective;
    assert!(
        effective.contains("old_urls: thumbor below /one/"),
        "{effective}"
    );
}

#[test]
fn light_is_averaged_on_request_where_an_image_becomes_smaller() {
    use tintype_imaging::spec::{Format, Resolved, Size};
    let whole = Size::new(40, 30);
    let is_linear = |config: &Config, size| {
        let resolved = Resolved::whole(whole, size, Format::Png);
        config.pictures.complete(resolved, whole).linear
    };
    let small = Size::new(4, 3);
    assert!(!is_linear(&dev(&[]), small));
    let linear = dev(&[("TINTYPE_LINEAR_LIGHT", "1")]);
    assert!(is_linear(&linear, small) && !is_linear(&linear, whole));
}
