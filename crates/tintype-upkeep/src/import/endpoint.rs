//! Where originals come from and go to.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use tintype_store::{DiskSettings, ReadOnlyStore, Store, StoreUrl};

use super::remote::Remote;
use crate::client::is_bare;

/// A folder, a store or a service, from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Store(StoreUrl),
    Service(String),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            let url = reqwest::Url::parse(text).map_err(|error| format!("{text}: {error}"))?;
            if !is_bare(&url) {
                return Err(format!(
                    "{text}: write only the base URL, as in https://media.example.org, and set the token in TINTYPE_IMPORT_TOKEN"
                ));
            }
            return Ok(Self::Service(text.trim_end_matches('/').to_owned()));
        }
        if text.contains("://") {
            let url = text.parse::<StoreUrl>();
            return url
                .map(Self::Store)
                .map_err(|error| format!("{text}: {error}"));
        }
        if text.is_empty() {
            return Err("a folder has a name".to_owned());
        }
        Ok(Self::Store(StoreUrl::disk(text)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(StoreUrl::Disk(disk)) => write!(f, "{}", disk.root.display()),
            Self::Store(url) => url.fmt(f),
            Self::Service(base) => f.write_str(base),
        }
    }
}

impl Address {
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Store(StoreUrl::Disk(DiskSettings { root, .. })) => Some(root),
            _ => None,
        }
    }

    /// Whether one lies in the other, so that written files would be read again.
    pub fn overlaps(&self, other: &Self) -> bool {
        let real = |address: &Self| address.folder().and_then(|path| path.canonicalize().ok());
        match (real(self), real(other)) {
            (Some(one), Some(other)) => one.starts_with(&other) || other.starts_with(&one),
            _ => self == other,
        }
    }
}

pub(super) enum Endpoint {
    Store(Arc<Store>),
    Service(Remote),
}

impl Endpoint {
    /// Never written to.
    pub(super) async fn source(address: &Address, token: Option<&str>) -> anyhow::Result<Self> {
        match address {
            Address::Store(url) => {
                let opened = ReadOnlyStore::open(url).await;
                let opened = opened.with_context(|| format!("FROM: {url} cannot be opened"))?;
                Ok(Self::Store(Arc::new(Store::ReadOnly(opened))))
            }
            Address::Service(base) => Ok(Self::Service(Remote::new(base, token)?)),
        }
    }

    /// For a dry run it is read-only too, and nothing missing is created.
    pub(super) async fn target(
        address: &Address,
        token: Option<&str>,
        dry_run: bool,
    ) -> anyhow::Result<Self> {
        let url = match address {
            Address::Service(base) => return Ok(Self::Service(Remote::new(base, token)?)),
            Address::Store(url) => url,
        };
        let is_missing = address.folder().is_some_and(|folder| !folder.exists());
        let opened = match dry_run {
            true if is_missing => Store::open(&StoreUrl::Memory).await,
            true => Store::open_read_only(url).await,
            false => Store::open(url).await,
        };
        let opened = opened.with_context(|| format!("TO: {url} cannot be opened"))?;
        Ok(Self::Store(Arc::new(opened)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_store_and_a_service_are_told_apart() {
        let folder = |path: &str| Address::Store(StoreUrl::disk(path));
        for (text, expected) in [
            ("media", folder("media")),
            ("/srv/media", folder("/srv/media")),
            ("file:///srv/media", folder("/srv/media")),
            (
                "https://a.example/",
                Address::Service("https://a.example".into()),
            ),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            "ftp://a",
            "http://",
            "http://user:pw@a",
            "https://a?token=x",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
