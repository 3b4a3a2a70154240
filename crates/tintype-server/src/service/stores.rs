//! Opens the configured stores, in the same way for the service and for its tools.

use std::sync::Arc;

use tintype_store::{Overlay, ReadOnlyStore, Store, StoreUrl};

use crate::config::Config;

pub struct Stores {
    pub store: Arc<Store>,
    /// For variants; the same as `store` unless a second one is configured.
    pub derived: Arc<Store>,
}

#[derive(Debug, thiserror::Error)]
#[error("{variable}: the store cannot be opened")]
pub struct Unopened {
    variable: &'static str,
    #[source]
    source: tintype_store::Error,
}

impl Unopened {
    /// Whether waiting may help: the store did not respond.
    pub fn may_pass(&self) -> bool {
        matches!(
            self.source,
            tintype_store::Error::Misconfigured { passing: true, .. }
        )
    }
}

impl Stores {
    pub async fn open(config: &Config) -> Result<Self, Unopened> {
        let store = open(
            "TINTYPE_STORE",
            &config.stores.store,
            config.stores.read_only,
        )
        .await?;
        let store = match &config.stores.fallback_store {
            Some(url) => Store::Overlay(Overlay::new(store, fallback(url).await?)),
            None => store,
        };
        let store = Arc::new(store);
        let derived = match &config.stores.derived_store {
            Some(url) => {
                Arc::new(open("TINTYPE_DERIVED_STORE", url, config.stores.read_only).await?)
            }
            None => store.clone(),
        };
        Ok(Self { store, derived })
    }
}

async fn fallback(url: &StoreUrl) -> Result<ReadOnlyStore, Unopened> {
    ReadOnlyStore::open(url).await.map_err(|source| Unopened {
        variable: "TINTYPE_FALLBACK_STORE",
        source,
    })
}

async fn open(variable: &'static str, url: &StoreUrl, read_only: bool) -> Result<Store, Unopened> {
    let opened = match read_only {
        true => Store::open_read_only(url).await,
        false => Store::open(url).await,
    };
    let store = opened.map_err(|source| Unopened { variable, source })?;
    for warning in store.warnings() {
        tracing::warn!(variable, "{warning}");
    }
    Ok(store)
}
