//! API tokens as configured: `id:sha256hex:scope+scope[:prefix+prefix[:expiry]]`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use tintype_store::{HexId, Key};

use super::DEV_TOKEN;

/// What a token permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Read,
    List,
    Write,
    Replace,
    Delete,
    Purge,
    Mint,
    Takedown,
}

impl Scope {
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::List,
        Self::Write,
        Self::Replace,
        Self::Delete,
        Self::Purge,
        Self::Mint,
        Self::Takedown,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Purge => "purge",
            Self::Mint => "mint",
            Self::Takedown => "takedown",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
                format!("{text:?} is not a scope; there are {}", known.join(", "))
            })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    /// SHA-256 of the secret part only.
    pub hash: [u8; 32],
    pub scopes: BTreeSet<Scope>,
    /// Empty means every key.
    pub prefixes: Vec<String>,
    /// Unix seconds.
    pub expires: Option<u64>,
}

impl Token {
    /// A token with every scope for every key.
    pub fn with_secret(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            hash: Sha256::digest(secret.as_bytes()).into(),
            scopes: Scope::ALL.into(),
            prefixes: Vec::new(),
            expires: None,
        }
    }

    /// Whether its secret is the published one of `--dev`.
    pub fn is_well_known(&self) -> bool {
        self.hash == Self::with_secret("dev", DEV_TOKEN).hash
    }
}

/// 256 random bits as 43 characters, for a token or a key.
pub fn random_secret() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// In Unix seconds. Anything later was meant in milliseconds.
const YEAR_5000: u64 = 95_617_584_000;

fn is_start_of_keys(prefix: &str) -> bool {
    match prefix.rsplit_once('/') {
        Some((folders, _)) if !folders.trim_matches('/').is_empty() => {
            Key::existing(folders).is_ok()
        }
        _ => true,
    }
}

impl FromStr for Token {
    type Err = String;

    /// Messages name the id and never the hash: they may end up in a log.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = text.split(':');
        let id = fields.next().unwrap_or_default();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.starts_with("tt_") {
            return Err("this is a token; the service needs its hash".to_owned());
        }
        if text == "none" {
            return Err("`none` must stand alone".to_owned());
        }
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err("an id is 1 to 64 of a-z, 0-9 and -".to_owned());
        }
        let hash = fields.next().and_then(HexId::<32>::parse);
        let hash = hash.ok_or_else(|| {
            format!("token {id}: the second field is the SHA-256 of the secret, 64 lower-case hex digits")
        })?;
        if hash.0 == <[u8; 32]>::from(Sha256::digest(b"")) {
            return Err(format!("token {id}: its secret is empty"));
        }
        let scopes = fields.next().unwrap_or_default();
        let scopes = scopes
            .split('+')
            .map(str::parse)
            .collect::<Result<BTreeSet<Scope>, _>>()
            .map_err(|error| format!("token {id}: {error}"))?;
        let mut prefixes = Vec::new();
        for prefix in fields
            .next()
            .unwrap_or_default()
            .split('+')
            .filter(|p| !p.is_empty())
        {
            let prefix = percent_decode_str(prefix).decode_utf8();
            let prefix = prefix.map_err(|_| format!("token {id}: a prefix is not UTF-8"))?;
            if !is_start_of_keys(&prefix) {
                return Err(format!("token {id}: no key starts with {prefix:?}"));
            }
            prefixes.push(prefix.into_owned());
        }
        let expires = match fields.next() {
            None | Some("") => None,
            Some(text) => Some(
                text.parse()
                    .ok()
                    .filter(|&expires| expires < YEAR_5000)
                    .ok_or_else(|| format!("token {id}: the expiry is in Unix seconds"))?,
            ),
        };
        if fields.next().is_some() {
            return Err(format!("token {id}: more than five fields"));
        }
        Ok(Self {
            id: id.to_owned(),
            hash: hash.0,
            scopes,
            prefixes,
            expires,
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        write!(f, "{}:{}:{}", self.id, HexId(self.hash), scopes.join("+"))?;
        if !self.prefixes.is_empty() || self.expires.is_some() {
            let encode = |prefix: &String| {
                percent_encoding::utf8_percent_encode(prefix, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let prefixes: Vec<_> = self.prefixes.iter().map(encode).collect();
            write!(f, ":{}", prefixes.join("+"))?;
        }
        self.expires
            .map_or(Ok(()), |expires| write!(f, ":{expires}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written() {
        let mut token = Token::with_secret("django", "s3cret");
        token.scopes = [Scope::Read, Scope::Write].into();
        for (prefixes, expires) in [
            (vec![], None),
            (vec!["photos/2016/".to_owned(), "a:b+c".to_owned()], None),
            (vec![], Some(1_900_000_000)),
        ] {
            let token = Token {
                prefixes,
                expires,
                ..token.clone()
            };
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    #[test]
    fn a_mistake_is_named_without_the_hash() {
        let hash = "ab".repeat(32);
        for (text, word) in [
            (String::from("Django:x:read"), "id"),
            (String::from("django:xyz:read"), "SHA-256"),
            (format!("django:{hash}:reed"), "reed"),
            (format!("django:{hash}:read:a:soon"), "expiry"),
            (format!("django:{hash}:read:a:1900000000000"), "seconds"),
            (format!("django:{hash}:read:a%2F..%2Fb"), "a/../b"),
            (format!("django:{hash}:read:.tintype%2F"), ".tintype/"),
            (String::from("tt_django_secret"), "hash"),
            (format!("django:{hash}:read:a:1:x"), "five"),
        ] {
            let error = text.parse::<Token>().unwrap_err();
            assert!(error.contains(word) && !error.contains(&hash), "{error}");
        }
    }
}
