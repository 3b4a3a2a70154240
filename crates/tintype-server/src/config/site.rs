//! Sites: key prefixes with their own keys, presets and policies, so that several projects share one service. The
//! top-level options make the site `default`, which has the empty prefix.
//!
//! A site inherits nothing from the top-level options: a key of one project is never valid for another.

use std::cmp::Reverse;
use std::collections::HashSet;

use tintype_store::Key;

use super::access::{
    ORIGINALS, ORIGINALS_WORDS, SIGNING_KEYS, TICKET_KEYS, UNSIGNED, UNSIGNED_WORDS,
};
use super::addresses::PUBLIC_URL;
use super::old_urls;
use super::option::ConfigOption;
use super::options::{PREFIX, SITE_OPTIONS};
use super::problems::Problems;
use super::purging::{PURGE_CLOUDFRONT, PURGE_VARNISH, PURGE_WEBHOOK, PURGE_WEBHOOK_KEY};
use super::read::{self, list};
use super::sources::{from_table, take_table};
use super::values::SettingMap;
use crate::invalidation::purgers::SitePurgers;
use crate::old_urls::OldUrlRule;
use crate::url::{Originals, PresetName, Presets, SigningKey, Unsigned};

#[derive(Debug)]
pub struct Site {
    pub name: String,
    pub prefix: String,
    /// The first one signs, all verify.
    pub signing_keys: Vec<SigningKey>,
    pub ticket_keys: Vec<SigningKey>,
    pub presets: Presets,
    /// What clients put before `/t/` and `/o/`, without a trailing slash.
    pub public_url: Option<String>,
    pub originals: Originals,
    pub unsigned: Unsigned,
    /// Downstream caches to purge.
    pub purgers: SitePurgers,
    /// Tried in this order.
    pub old_urls: Vec<OldUrlRule>,
}

impl Site {
    /// The path of [`Self::public_url`], without a trailing slash; usually empty.
    pub fn base_path(&self) -> &str {
        let url = self.public_url.as_deref().unwrap_or_default();
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        let path = host.find('/').map_or("", |slash| &host[slash..]);
        path.trim_end_matches('/')
    }
}

#[derive(Debug)]
pub struct Sites {
    /// Longest prefix first; the last one is `default`.
    sites: Vec<Site>,
}

impl Sites {
    fn new(mut sites: Vec<Site>) -> Self {
        sites.sort_by_key(|site| Reverse(site.prefix.len()));
        Self { sites }
    }

    /// The site that a key belongs to: the longest prefix wins.
    pub fn of(&self, key: &Key) -> &Site {
        let found = self.sites.iter().find(|site| key.starts_with(&site.prefix));
        found.expect("the default site has the empty prefix")
    }

    /// Rules at the top level of the file belong to the default site.
    pub(super) fn with_old_urls(mut self, old_urls: Vec<OldUrlRule>) -> Self {
        if let Some(default) = self.sites.last_mut() {
            default.old_urls = old_urls;
        }
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Site> {
        self.sites.iter()
    }
}

/// The site settings as written.
pub(super) struct Policy<'a> {
    pub(super) flat: &'a SettingMap,
    pub(super) presets: toml::Table,
    pub(super) sites: toml::Table,
    /// Value of `unsigned` if it is not set and nothing can be signed: `--dev` implies `any`.
    pub(super) implied: Option<Unsigned>,
}

pub(super) fn read(policy: Policy<'_>, problems: &mut Problems) -> Sites {
    let Policy {
        flat,
        presets,
        sites,
        implied,
    } = policy;
    let is_configured = |option: &ConfigOption| flat.contains_key(option.name);
    // If there are sites and nothing is set for the rest, the rest is closed.
    let is_closed =
        !sites.is_empty() && presets.is_empty() && !SITE_OPTIONS.iter().any(is_configured);
    let mut reader = SiteReader {
        site: "default",
        values: flat,
        path: "",
        implied: implied.or(is_closed.then_some(Unsigned::None)),
        problems,
    };
    let mut read = vec![reader.site(String::new(), presets)];
    for (name, table) in sites {
        let path = format!("sites.{name}.");
        let Some(mut table) = table.as_table().cloned() else {
            let fix = format!("write it as [sites.{name}]");
            problems.add(path.trim_end_matches('.'), "not a table", fix);
            continue;
        };
        if name == "default" {
            let reason = "default is the site of the flat options";
            problems.add("sites.default", reason, "set its options at the top level");
            continue;
        }
        let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(in_name) {
            // The name is part of cache tags in responses.
            let reason = "not a valid name of a site";
            let fix = "write 1 to 64 of A-Z, a-z, 0-9, - and _";
            problems.add(path.trim_end_matches('.'), reason, fix);
            continue;
        }
        let presets = take_table(&mut table, "presets", &path, problems);
        let old_urls = old_urls::take(&mut table, &path, problems);
        let values = from_table(table, &SITE_OPTIONS, &path, problems);
        let mut reader = SiteReader {
            site: &name,
            values: &values,
            path: &path,
            implied,
            problems,
        };
        let prefix = reader.prefix();
        let site = Site {
            old_urls,
            ..reader.site(prefix, presets)
        };
        if let Some(other) = read.iter().find(|other| other.prefix == site.prefix)
            && !site.prefix.is_empty()
        {
            let reason = format!("also the prefix of the site {}", other.name);
            problems.add(&format!("{path}prefix"), reason, "give each site its own");
        }
        let is_shared = |key| {
            let mut others = read.iter();
            others.any(|other| other.signing_keys.contains(key) || other.ticket_keys.contains(key))
        };
        if site
            .signing_keys
            .iter()
            .chain(&site.ticket_keys)
            .any(is_shared)
        {
            let reason = "also a key of another site, which could then sign for this one";
            let fix = "make another with `openssl rand -hex 32`";
            problems.warn(&format!("{path}signing_keys"), reason, fix);
        }
        read.push(site);
    }
    Sites::new(read)
}

/// 32 random hex digits have about 14 different ones.
fn is_guessable(key: &str) -> bool {
    const LEAST: usize = 8;
    key.chars().collect::<HashSet<_>>().len() < LEAST
}

/// A URL that only this machine can reach.
pub(super) fn is_loopback(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    host.starts_with("localhost") || host.starts_with("127.") || host.starts_with("[::1]")
}

struct SiteReader<'a> {
    site: &'a str,
    values: &'a SettingMap,
    /// Prefix for the names of keys in problems.
    path: &'a str,
    implied: Option<Unsigned>,
    problems: &'a mut Problems,
}

impl SiteReader<'_> {
    fn site(&mut self, prefix: String, presets: toml::Table) -> Site {
        let signing_keys = self.keys(SIGNING_KEYS);
        let ticket_keys = self.keys(TICKET_KEYS);
        if ticket_keys.iter().any(|key| signing_keys.contains(key)) {
            let reason = "a signing key is also a ticket key";
            let fix = "make another with `openssl rand -hex 32`";
            self.add(TICKET_KEYS, reason, fix);
        }
        let has_keys = self.values.contains_key(SIGNING_KEYS.name);
        let unsigned = self
            .optional(UNSIGNED, |text| UNSIGNED_WORDS.read(text))
            .unwrap_or_else(|| match self.implied {
                _ if self.values.contains_key(UNSIGNED.name) => Unsigned::None,
                _ if has_keys => Unsigned::Presets,
                Some(implied) => implied,
                None if self.problems.has_error(&self.name(SIGNING_KEYS)) => Unsigned::None,
                None => {
                    let reason = "not set, so that no URL could be signed";
                    let fix = "set one of 32 characters or more, or set unsigned to any to let \
                               everybody ask for any picture";
                    self.add(SIGNING_KEYS, reason, fix);
                    Unsigned::None
                }
            });
        // Adopting a bucket must not publish it: originals are public only if everything else already is.
        let originals = match unsigned {
            Unsigned::Any if !has_keys => Originals::Public,
            _ => Originals::Signed,
        };
        let site = Site {
            name: self.site.to_owned(),
            prefix,
            signing_keys,
            ticket_keys,
            presets: self.presets(presets),
            public_url: self.optional(PUBLIC_URL, read::site_url),
            originals: self
                .optional(ORIGINALS, |text| ORIGINALS_WORDS.read(text))
                .unwrap_or(originals),
            unsigned,
            purgers: self.purgers(),
            old_urls: Vec::new(),
        };
        self.check(&site);
        site
    }

    /// Checks for settings that are valid but make little sense together.
    fn check(&mut self, site: &Site) {
        let is_configured = |option: ConfigOption| self.values.contains_key(option.name);
        let (has_keys, is_unsigned_configured) =
            (is_configured(SIGNING_KEYS), is_configured(UNSIGNED));
        let (is_said_signed, has_presets) = (
            is_configured(ORIGINALS) && site.originals == Originals::Signed,
            site.presets.iter().next().is_some(),
        );
        match site.unsigned {
            Unsigned::Any if has_keys => self.warn(
                UNSIGNED,
                "any, so that signing_keys protect nothing but originals",
                "leave it out, or set presets",
            ),
            Unsigned::None if is_unsigned_configured && !has_keys => self.warn(
                UNSIGNED,
                "none, and without signing_keys no image can be requested at all",
                "set signing_keys",
            ),
            Unsigned::Presets if is_unsigned_configured && !has_keys && !has_presets => self.warn(
                UNSIGNED,
                "presets, but there are neither presets nor signing_keys: no image can be requested",
                "define presets, or set signing_keys",
            ),
            _ => {}
        }
        if is_said_signed && !has_keys {
            let reason = "signed, and without signing_keys nobody can have an original";
            self.warn(ORIGINALS, reason, "set signing_keys, or use public");
        }
        for option in [SIGNING_KEYS, TICKET_KEYS, PURGE_WEBHOOK_KEY] {
            let text = self.text(option).unwrap_or_default();
            if list(text).any(is_guessable) {
                let fix = "make one with `openssl rand -hex 32`";
                self.warn(
                    option,
                    "a key with few different characters can be guessed",
                    fix,
                );
            }
        }
        if let Some(url) = &site.public_url
            && url.starts_with("http://")
            && !is_loopback(url)
        {
            let reason = "not https, and pages on https do not show images from there";
            self.warn(
                PUBLIC_URL,
                reason,
                "use https:// if the CDN has a certificate",
            );
        }
        let named = &site.purgers;
        for (option, named) in [
            (PURGE_VARNISH, &named.varnish),
            (PURGE_CLOUDFRONT, &named.cloudfront),
        ] {
            if (1..named.len()).any(|at| named[..at].contains(&named[at])) {
                self.warn(option, "names one twice", "name each once");
            }
        }
        if let Some((_, key)) = &named.webhook
            && (site.signing_keys.contains(key) || site.ticket_keys.contains(key))
        {
            let reason = "also a signing or ticket key, which the receiver must not know";
            self.add(
                PURGE_WEBHOOK_KEY,
                reason,
                "make another with `openssl rand -hex 32`",
            );
        }
    }

    fn purgers(&mut self) -> SitePurgers {
        let varnish = self.optional(PURGE_VARNISH, read::nodes);
        let cloudfront = self.optional(PURGE_CLOUDFRONT, read::distributions);
        let url = self.optional(PURGE_WEBHOOK, read::webhook);
        let keys = self.keys(PURGE_WEBHOOK_KEY);
        let has = |option: ConfigOption| self.values.contains_key(option.name);
        let (has_url, has_key) = (has(PURGE_WEBHOOK), has(PURGE_WEBHOOK_KEY));
        match (has_url, has_key) {
            (true, false) if !self.problems.has_error(&self.name(PURGE_WEBHOOK_KEY)) => {
                let reason = "not set, so that the receiver could not verify who sent a purge";
                let fix = "make one with `openssl rand -hex 32`";
                self.add(PURGE_WEBHOOK_KEY, reason, fix);
            }
            (false, true) => {
                let reason = "set, but purge_webhook is not";
                self.add(PURGE_WEBHOOK_KEY, reason, "set both or neither");
            }
            _ if keys.len() > 1 => {
                let reason = "more than one key";
                let fix = "keep the one that the receiver uses";
                self.add(PURGE_WEBHOOK_KEY, reason, fix);
            }
            _ => {}
        }
        SitePurgers {
            varnish: varnish.unwrap_or_default(),
            cloudfront: cloudfront.unwrap_or_default(),
            webhook: url.zip(keys.into_iter().next()),
        }
    }

    /// A folder, so that `news/` does not match `newsletter/a.jpg`.
    fn prefix(&mut self) -> String {
        let prefix = self.text(PREFIX).unwrap_or_default().to_owned();
        let folder = prefix.strip_suffix('/').map(Key::parse);
        if !matches!(folder, Some(Ok(_))) {
            let reason = format!("{prefix:?} is not the name of a folder with a slash at its end");
            self.add(PREFIX, reason, "write it like \"magazine/\"");
        }
        prefix
    }

    fn keys(&mut self, option: ConfigOption) -> Vec<SigningKey> {
        let text = self.text(option).unwrap_or_default().to_owned();
        let mut keys = Vec::new();
        if !text.is_empty() && list(&text).next().is_none() {
            self.add(
                option,
                "it has no key",
                "make one with `openssl rand -hex 32`",
            );
        }
        for text in list(&text) {
            if text.contains(char::is_whitespace) {
                self.add(
                    option,
                    "a key with a space in it",
                    "put a comma between keys",
                );
            }
            let least = SigningKey::MIN_CHARACTERS;
            match SigningKey::parse(text) {
                Some(key) if keys.contains(&key) => {
                    self.add(option, "a key is set twice", "keep one of the two");
                }
                Some(key) => keys.push(key),
                None => {
                    let reason = format!("a key is shorter than {least} characters");
                    self.add(option, reason, "make one with `openssl rand -hex 32`");
                }
            }
        }
        keys
    }

    fn presets(&mut self, table: toml::Table) -> Presets {
        let mut presets = Presets::default();
        for (name, spec) in table {
            let option = format!("{}presets.{name}", self.path);
            let Some(preset) = PresetName::parse(&name) else {
                let fix = "begin with a letter; a-z, 0-9 and - may follow";
                self.problems
                    .add(&option, "not a valid name of a preset", fix);
                continue;
            };
            let inserted = match spec.as_str() {
                None => Err("not text".to_owned()),
                Some(spec) => presets
                    .insert(preset, spec)
                    .map_err(|error| error.to_string()),
            };
            if let Err(reason) = inserted {
                let fix = "write it as in a URL, such as w_640~h_480~fit_cover";
                self.problems.add(&option, reason, fix);
            }
        }
        presets
    }

    fn text(&self, option: ConfigOption) -> Option<&str> {
        self.values
            .get(option.name)
            .map(|value| value.text.as_str())
    }

    fn optional<T>(
        &mut self,
        option: ConfigOption,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(self.text(option)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.add(option, reason, "write it as `config/tintype.toml` shows");
                None
            }
        }
    }

    fn add(&mut self, option: ConfigOption, reason: impl Into<String>, fix: &str) {
        self.problems.add(&self.name(option), reason, fix);
    }

    fn warn(&mut self, option: ConfigOption, reason: impl Into<String>, fix: &str) {
        self.problems.warn(&self.name(option), reason, fix);
    }

    /// The name under which the option was set.
    fn name(&self, option: ConfigOption) -> String {
        match self.values.get(option.name) {
            Some(value) => value.name.clone(),
            None if self.path.is_empty() => option.variable(),
            None => format!("{}{}", self.path, option.name),
        }
    }
}
