//! Gauges of the parts of a running service, updated when metrics are read.

use std::path::Path;

use tintype_store::StoreUrl;

use crate::app::App;

pub(super) fn observe(app: &App) {
    let metrics = &app.metrics;
    metrics.observe_pool(&app.pool);
    let (pending, oldest) = app.outbox.gauges();
    metrics.observe_purges(pending, oldest);
    metrics.observe_stores(&app.store, &app.derived);
    let (bytes, entries) = app.variants.held();
    metrics.observe_hot_cache(bytes, entries, app.resources.hot_cache_bytes);
    metrics.observe_spool(app.spool.reserved_bytes(), app.config.uploads.spool_bytes);
    metrics.observe_connections(app.resources.connections.get());
    observe_disks(app);
}

fn observe_disks(app: &App) {
    let folder = |url: &StoreUrl| match url {
        StoreUrl::Disk(settings) => Some(settings.root.clone()),
        StoreUrl::S3(_) | StoreUrl::Memory => None,
    };
    let variants = app.config.stores.derived_store.as_ref();
    for (disk, folder) in [
        ("spool", Some(app.spool.folder().to_owned())),
        ("store", folder(&app.config.stores.store)),
        ("variants", variants.and_then(folder)),
    ] {
        if let Some(free) = folder.and_then(|folder| free_bytes(&folder)) {
            app.metrics.observe_disk(disk, free);
        }
    }
}

/// Space that an unprivileged process may still use.
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}
