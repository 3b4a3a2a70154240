//! imgproxy's URLs: a signature, options, and the source, plain or in base64.

mod crop;
mod number;
mod options;
mod position;
mod source;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::{ParsedUrl, Unmapped};
use crate::url::Access;
use options::ProcessingOptions;
use source::SourceUrl;

/// Keys, and how much of a signature is compared. Without keys any signature is accepted, and counts as none.
pub struct Imgproxy {
    pub pairs: Vec<Pair>,
    /// Bytes, 1..=32.
    pub signature_size: usize,
    /// The first part names presets, and there are no options.
    pub only_presets: bool,
}

pub struct Pair {
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
}

impl std::fmt::Debug for Imgproxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Imgproxy({} keys)", self.pairs.len())
    }
}

impl Imgproxy {
    pub(super) fn read(&self, rest: &str) -> Option<Result<ParsedUrl, Unmapped>> {
        let (signature, path) = rest.split_once('/')?;
        let path = repaired(path);
        if signature.is_empty() || !self.is_like(&path) {
            return None;
        }
        let request = || {
            self.access(signature, &path)
                .and_then(|access| self.request(&path, access))
        };
        Some(request())
    }

    /// Nearly any path could be one, so an option or a source is required.
    fn is_like(&self, path: &str) -> bool {
        let first = path.split('/').next().unwrap_or_default();
        let is_source = || {
            let parts: Vec<&str> = path
                .split('/')
                .skip(usize::from(self.only_presets))
                .collect();
            source::in_base64(&parts).is_ok_and(|source| source.address.contains(['/', '.']))
        };
        path.starts_with("plain/") || path.contains("/plain/") || first.contains(':') || is_source()
    }

    /// Timing reveals neither which key nor how much of the signature was right.
    fn access(&self, signature: &str, path: &str) -> Result<Access, Unmapped> {
        if self.pairs.is_empty() {
            // An option in its place: the signature was forgotten.
            return match signature.contains(':') {
                true => Err(Unmapped::Unsigned),
                false => Ok(Access::Unsigned),
            };
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let mut found = Choice::from(0);
        for Pair { key, salt } in &self.pairs {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(salt);
            mac.update(b"/");
            mac.update(path.as_bytes());
            let right = mac.finalize().into_bytes();
            found |= right[..self.signature_size].ct_eq(&signature);
        }
        match found.into() {
            true => Ok(Access::Signed),
            false => Err(Unmapped::Signature),
        }
    }

    fn request(&self, path: &str, access: Access) -> Result<ParsedUrl, Unmapped> {
        let parts: Vec<&str> = path.split('/').collect();
        let mut options = ProcessingOptions::default();
        let at = match self.only_presets {
            true => {
                options.apply("preset", &parts[0].split(':').collect::<Vec<_>>())?;
                1
            }
            false => {
                let is_option = |part: &&&str| part.contains(':');
                let count = parts.iter().take_while(is_option).count();
                for option in &parts[..count] {
                    let mut texts = option.split(':');
                    let name = texts.next().unwrap_or_default();
                    options.apply(name, &texts.collect::<Vec<_>>())?;
                }
                count
            }
        };
        let SourceUrl { address, extension } = source::of(&parts[at..])?;
        if let Some(extension) = extension {
            options.extension(&extension)?;
        }
        Ok(ParsedUrl {
            address,
            items: options.items()?,
            access,
        })
    }
}

/// Undoes what proxies have changed, as imgproxy does before it checks the signature.
fn repaired(path: &str) -> String {
    let (options, plain) = match path.strip_prefix("plain/") {
        Some(plain) => ("", Some(plain)),
        None => match path.split_once("/plain/") {
            Some((options, plain)) => (options, Some(plain)),
            None => (path, None),
        },
    };
    let options = options.replace("%3A", ":");
    let Some(plain) = plain else {
        return options.strip_prefix('/').unwrap_or(&options).to_owned();
    };
    let path = format!("{options}/plain/{}", with_two_slashes(plain));
    path.strip_prefix('/').unwrap_or(&path).to_owned()
}

/// `scheme:/x` to `scheme://x`, and `local:/x` to `local:///x`; at the last possible place, as a greedy expression
/// finds it.
fn with_two_slashes(plain: &str) -> String {
    let place = plain.match_indices(":/").filter(|(at, _)| {
        let before = &plain[..*at];
        let next = plain[at + 2..].chars().next();
        !before.is_empty()
            && !before.contains(char::is_whitespace)
            && next.is_some_and(|next| next != '/')
    });
    let Some((at, _)) = place.last() else {
        return plain.to_owned();
    };
    let (scheme, rest) = (&plain[..at], &plain[at + 2..]);
    match scheme {
        "local" => format!("{scheme}:///{rest}"),
        _ => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests;
