//! The URL of a store, as configured.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// `file:///srv/media`, `file://./media`, `s3://bucket/location`; memory is for tests and has no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    Disk(DiskSettings),
    S3(S3Settings),
    Memory,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    pub root: PathBuf,
    /// Whether to create it if it is missing; its parent must exist. A service does not: a missing folder may be a
    /// mount that was forgotten.
    pub make: bool,
    /// `?network=allow`: the operator vouches that only one host writes.
    pub allow_network: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    pub bucket: String,
    /// Prefix of every name in the bucket, without leading and trailing slash; may be empty.
    pub location: String,
    /// `None` to use AWS's own variables and files.
    pub access: Option<S3Access>,
    pub writing: S3Writing,
}

/// Options of writes to S3. The defaults are the bucket's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Writing {
    pub encryption: Option<S3Encryption>,
    /// For originals, by S3's own name, such as `INTELLIGENT_TIERING`. Derived objects are small and read often,
    /// and stay in the bucket's default class.
    pub storage_class: Option<String>,
}

/// Server-side encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Encryption {
    /// With keys of S3.
    Aes256,
    Kms {
        /// `None` for the account's own key for S3.
        key: Option<String>,
        /// A bucket key, which saves most requests to KMS.
        bucket_key: bool,
    },
}

/// How to reach S3, set by the program instead of AWS's own variables.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Access {
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

/// Without the secret.
impl fmt::Debug for S3Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Access")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// S3 allows names of 1,024 bytes, of which a key may have 900; one is the slash.
const MAX_LOCATION_BYTES: usize = 123;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error(
        "a store's URL is file:///absolute/path, file://./relative/path or s3://bucket/location"
    )]
    Form,
    #[error(
        "a bucket's name must be 3 to 63 characters of a-z, 0-9, . and -, with a letter or digit at both ends, not {0:?}"
    )]
    Bucket(String),
    #[error(
        "the location in a bucket must be at most {MAX_LOCATION_BYTES} bytes of UTF-8, percent-encoded, without empty or dot segments and control characters"
    )]
    Location,
    #[error("unknown option {0:?} of a store's URL, the only one is network=allow of file://")]
    Option(String),
}

impl StoreUrlError {
    /// Names the option only: its value may be a secret.
    fn option(text: &str) -> Self {
        let name = text.split(['=', '&']).next();
        Self::Option(name.unwrap_or_default().to_owned())
    }
}

impl StoreUrl {
    pub fn disk(root: impl Into<PathBuf>) -> Self {
        Self::Disk(DiskSettings {
            root: root.into(),
            make: true,
            allow_network: false,
        })
    }

    fn s3(rest: &str) -> Result<Self, StoreUrlError> {
        if let Some((_, option)) = rest.split_once(['?', '#']) {
            return Err(StoreUrlError::option(option));
        }
        let (bucket, location) = rest.split_once('/').unwrap_or((rest, ""));
        let location = location.strip_suffix('/').unwrap_or(location);
        let location = percent_decode_str(location)
            .decode_utf8()
            .map_err(|_| StoreUrlError::Location)?;
        S3Settings::new(bucket, &location).map(Self::S3)
    }
}

impl S3Settings {
    pub fn new(bucket: &str, location: &str) -> Result<Self, StoreUrlError> {
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = bucket.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        if !(3..=63).contains(&bytes.len())
            || !ends.into_iter().flatten().all(alphanumeric)
            || !bytes
                .iter()
                .all(|b| alphanumeric(b) || matches!(b, b'.' | b'-'))
        {
            return Err(StoreUrlError::Bucket(bucket.to_owned()));
        }
        let bad_segment = |segment| matches!(segment, "" | "." | "..");
        if location.len() > MAX_LOCATION_BYTES
            || location.contains(char::is_control)
            || (!location.is_empty() && location.split('/').any(bad_segment))
        {
            return Err(StoreUrlError::Location);
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            location: location.to_owned(),
            access: None,
            writing: S3Writing::default(),
        })
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return Self::s3(rest);
        }
        let rest = text.strip_prefix("file://").ok_or(StoreUrlError::Form)?;
        let (path, allow_network) = match rest.split_once('?') {
            None => (rest, false),
            Some((path, "network=allow")) => (path, true),
            Some((_, option)) => return Err(StoreUrlError::option(option)),
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
            make: true,
            allow_network,
        }))
    }
}

/// Characters of a location that are not escaped.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(settings) => settings.fmt(f),
            Self::S3(S3Settings {
                bucket, location, ..
            }) => {
                let slash = if location.is_empty() { "" } else { "/" };
                let location = utf8_percent_encode(location, PLAIN);
                write!(f, "s3://{bucket}{slash}{location}")
            }
            Self::Memory => f.write_str("memory"),
        }
    }
}

impl fmt::Display for DiskSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            root,
            allow_network,
            ..
        } = self;
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

/// Undoes percent-encoding; `None` if it is malformed or contains a NUL.
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
                make: true,
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
        let unknown = StoreUrlError::Option("network".into());
        assert_eq!("file:///a?network=deny".parse::<StoreUrl>(), Err(unknown));
    }

    #[test]
    fn a_bucket_and_a_location_are_named_by_an_s3_url() {
        let check = |text: &str, bucket: &str, location: &str, again: &str| {
            let url: StoreUrl = text.parse().unwrap();
            let settings = S3Settings::new(bucket, location).unwrap();
            assert_eq!(url, StoreUrl::S3(settings), "{text:?}");
            assert_eq!(url.to_string(), again);
            assert_eq!(again.parse(), Ok(url));
        };
        check("s3://media", "media", "", "s3://media");
        check("s3://media/", "media", "", "s3://media");
        check("s3://a.b-3/x/y/", "a.b-3", "x/y", "s3://a.b-3/x/y");
        check(
            "s3://media/m%C3%BC%20%25",
            "media",
            "mü %",
            "s3://media/m%C3%BC%20%25",
        );
    }

    #[test]
    fn a_bucket_or_location_that_s3_would_refuse_is_refused_first() {
        let check = |text: &str, expected: StoreUrlError| {
            assert_eq!(text.parse::<StoreUrl>(), Err(expected), "{text:?}");
        };
        for bucket in [
            "",
            "ab",
            "Media",
            "me_dia",
            "-media",
            "media.",
            &"a".repeat(64),
        ] {
            check(
                &format!("s3://{bucket}/x"),
                StoreUrlError::Bucket(bucket.into()),
            );
        }
        for location in ["/a", "a//b", "..", "a/.", "a%00b", "%FF", &"a".repeat(124)] {
            check(&format!("s3://media/{location}"), StoreUrlError::Location);
        }
        check(
            "s3://media/a?region=eu",
            StoreUrlError::Option("region".into()),
        );
    }
}
