//! Checks stores and folders: none may lie in another that would take its content for its own.

use std::path::{Path, PathBuf};

use tintype_store::StoreUrl;

use super::super::option::env_name;
use super::super::reader::OptionReader;
use super::super::stores::{DERIVED_STORE, FALLBACK_STORE, STORE};
use super::super::uploads::SPOOL_DIR;
use super::super::{Config, Problem};

#[derive(PartialEq, Eq)]
enum Overlap {
    Same,
    /// The first lies in the second.
    In,
    /// The second lies in the first.
    Around,
}

fn overlap(one: &StoreUrl, other: &StoreUrl) -> Option<Overlap> {
    match (one, other) {
        (StoreUrl::Disk(one), StoreUrl::Disk(other)) => {
            of_paths(&resolved(&one.root), &resolved(&other.root))
        }
        (StoreUrl::S3(one), StoreUrl::S3(other)) if one.bucket == other.bucket => {
            of_paths(Path::new(&one.location), Path::new(&other.location))
        }
        _ => None,
    }
}

fn of_paths(one: &Path, other: &Path) -> Option<Overlap> {
    match () {
        () if one == other => Some(Overlap::Same),
        () if one.starts_with(other) => Some(Overlap::In),
        () if other.starts_with(one) => Some(Overlap::Around),
        () => None,
    }
}

/// The canonical path, or the path as written if nothing exists there yet.
fn resolved(path: &Path) -> PathBuf {
    let whole = || std::path::absolute(path);
    path.canonicalize()
        .or_else(|_| whole())
        .unwrap_or_else(|_| path.to_owned())
}

impl OptionReader {
    pub(super) fn check_places(&mut self, config: &Config, file: Option<&Path>) {
        let store = &config.stores.store;
        if let Some(derived) = &config.stores.derived_store {
            match overlap(derived, store) {
                Some(Overlap::Same) => {
                    let fix = "leave it out: variants lie under .tintype/ in the store by default";
                    self.refuse(&[DERIVED_STORE], "the same as store", fix);
                }
                Some(Overlap::In) => {
                    let reason = "it is inside store, where variants would be taken for originals";
                    self.refuse(&[DERIVED_STORE], reason, "choose a place outside of it");
                }
                Some(Overlap::Around) => {
                    let reason = "store is inside it, and derived data may be deleted at any time";
                    self.warn(&[DERIVED_STORE], reason, "choose a place outside of it");
                }
                None => {}
            }
        }
        if let Some(fallback) = &config.stores.fallback_store {
            let derived = config.stores.derived_store.as_ref();
            let fix = "set it to the store to read through, or leave it out";
            match overlap(fallback, store) {
                Some(Overlap::Same) => self.refuse(&[FALLBACK_STORE], "the same as store", fix),
                Some(_) => {
                    let reason = "one of it and store is inside the other";
                    self.warn(&[FALLBACK_STORE], reason, "choose separate places");
                }
                None => {}
            }
            if derived.and_then(|derived| overlap(fallback, derived)) == Some(Overlap::Same) {
                self.refuse(&[FALLBACK_STORE], "the same as derived_store", fix);
            }
        }
        if let StoreUrl::Disk(disk) = store {
            self.check_root(&resolved(&disk.root), file);
        }
    }

    /// Every file in the folder of a store is an original, and may be delivered.
    fn check_root(&mut self, root: &Path, file: Option<&Path>) {
        const SYSTEM: [&str; 8] = [
            "/", "/etc", "/usr", "/proc", "/sys", "/dev", "/root", "/run",
        ];
        if SYSTEM.iter().any(|system| root == Path::new(system)) {
            let reason = format!(
                "{} is a system folder, and would be delivered",
                root.display()
            );
            self.refuse(&[STORE], reason, "choose a separate folder");
        }
        let secrets = self.values.values().filter_map(|value| {
            let file = value.file.clone()?;
            Some((value.name.clone(), file))
        });
        let config = file.map(|file| (env_name("config"), file.to_owned()));
        let inside: Vec<_> = secrets
            .chain(config)
            .filter(|(_, path)| resolved(path).starts_with(root))
            .map(|(name, path)| Problem {
                name,
                reason: format!(
                    "{} is inside the store, and could be downloaded",
                    path.display()
                ),
                fix: "keep it somewhere else".to_owned(),
            })
            .collect();
        self.problems.refused.extend(inside);
    }

    pub(super) fn check_spool(&mut self, config: &Config) {
        let Some(spool) = &config.uploads.spool_dir else {
            return;
        };
        if spool.exists() && !spool.is_dir() {
            let reason = format!("{} is not a folder", spool.display());
            self.refuse(
                &[SPOOL_DIR],
                reason,
                "choose a folder that the service may write to",
            );
        }
        if let StoreUrl::Disk(disk) = &config.stores.store {
            let (spool, root) = (resolved(spool), resolved(&disk.root));
            if spool.starts_with(&root) && !spool.starts_with(root.join(".tintype")) {
                let reason =
                    "it is inside store, where unfinished uploads would be taken for originals";
                let fix = "leave it out: by default it is in a hidden folder of the store";
                self.refuse(&[SPOOL_DIR], reason, fix);
            }
        }
    }
}
