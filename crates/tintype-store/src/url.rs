//! Where a store is, as written in the configuration.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

/// `file:///srv/media`, `file://./media`; memory is for tests and cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    Disk(DiskSettings),
    Memory,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// Made when missing; its parent must be there, so that a forgotten mount is noticed.
    pub root: PathBuf,
    /// `?network=allow`: the operator vouches that one host alone writes.
    pub allow_network: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error("a store is written file:///absolute/path or file://./relative/path")]
    Form,
    #[error("s3:// stores are not yet supported")]
    S3,
    #[error("unknown option {0:?} of a store, the only one is network=allow")]
    Option(String),
}

impl StoreUrl {
    pub fn disk(root: impl Into<PathBuf>) -> Self {
        Self::Disk(DiskSettings {
            root: root.into(),
            allow_network: false,
        })
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if text.starts_with("s3://") {
            return Err(StoreUrlError::S3);
        }
        let rest = text.strip_prefix("file://").ok_or(StoreUrlError::Form)?;
        let (path, allow_network) = match rest.split_once('?') {
            None => (rest, false),
            Some((path, "network=allow")) => (path, true),
            Some((_, option)) => return Err(StoreUrlError::Option(option.to_owned())),
        };
        // `file://media` would name a host in every other program.
        if !path.starts_with('/')
            && path != "."
            && !path.starts_with("./")
            && !path.starts_with("../")
        {
            return Err(StoreUrlError::Form);
        }
        let root = unescape(path).ok_or(StoreUrlError::Form)?;
        Ok(Self::Disk(DiskSettings {
            root,
            allow_network,
        }))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Disk(DiskSettings {
            root,
            allow_network,
        }) = self
        else {
            return f.write_str("memory");
        };
        f.write_str("file://")?;
        if !root.is_absolute() && !root.starts_with(".") && !root.starts_with("..") {
            f.write_str("./")?;
        }
        for &byte in root.as_os_str().as_bytes() {
            match byte {
                b'%' | b'?' | b'#' | ..=b' ' | 127.. => write!(f, "%{byte:02X}")?,
                _ => write!(f, "{}", char::from(byte))?,
            }
        }
        f.write_str(if *allow_network { "?network=allow" } else { "" })
    }
}

/// Undoes percent-encoding; `None` when it is broken or hides a NUL.
fn unescape(path: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                let digit = |b: u8| char::from(b).to_digit(16);
                u8::try_from(digit(high)? << 4 | digit(low)?).ok()?
            }
            byte => byte,
        });
    }
    (!bytes.contains(&0)).then(|| OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, root: &str, again: &str) {
        let url: StoreUrl = text.parse().unwrap();
        let allow_network = text.contains('?');
        assert_eq!(
            url,
            StoreUrl::Disk(DiskSettings {
                root: root.into(),
                allow_network
            })
        );
        assert_eq!(url.to_string(), again);
        assert_eq!(again.parse(), Ok(url));
    }

    #[test]
    fn a_folder_is_named_by_a_file_url() {
        check("file:///srv/media", "/srv/media", "file:///srv/media");
        check("file://./media", "./media", "file://./media");
        check("file://../media", "../media", "file://../media");
        check(
            "file:///srv/my files%3F",
            "/srv/my files?",
            "file:///srv/my%20files%3F",
        );
        check(
            "file:///net?network=allow",
            "/net",
            "file:///net?network=allow",
        );
        assert_eq!(StoreUrl::disk("media").to_string(), "file://./media");
    }

    #[test]
    fn anything_else_is_refused_with_the_way_to_write_it() {
        for text in [
            "",
            "/srv/media",
            "file:/srv",
            "file://media",
            "file:///a%2",
            "file:///a%00",
            "http://x",
        ] {
            assert_eq!(
                text.parse::<StoreUrl>(),
                Err(StoreUrlError::Form),
                "{text:?}"
            );
        }
        assert_eq!("s3://bucket".parse::<StoreUrl>(), Err(StoreUrlError::S3));
        let unknown = StoreUrlError::Option("network=deny".into());
        assert_eq!("file:///a?network=deny".parse::<StoreUrl>(), Err(unknown));
    }
}
