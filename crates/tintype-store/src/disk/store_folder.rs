//! The folder of a store, and whether it is still there: a folder can be unmounted, moved and replaced while the
//! store is open, and is picked up again without a restart.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::objects::DiskObjects;
use crate::Error;
use crate::url::DiskSettings;

const ACTION: &str = "reading the store's folder";

#[derive(Debug)]
pub(super) struct StoreFolder {
    settings: DiskSettings,
    is_read_only: bool,
    /// Whether the store was a mounted file system, below which there may be an empty folder.
    is_mount: bool,
    open: RwLock<Arc<DiskObjects>>,
    reopening: Mutex<()>,
}

impl StoreFolder {
    pub(super) fn open(settings: DiskSettings) -> Result<Self, Error> {
        let objects = DiskObjects::open(&settings)?;
        Ok(Self::new(settings, objects, false))
    }

    pub(super) fn open_to_read(settings: DiskSettings) -> Result<Self, Error> {
        let objects = DiskObjects::open_to_read(&settings)?;
        Ok(Self::new(settings, objects, true))
    }

    fn new(settings: DiskSettings, objects: DiskObjects, is_read_only: bool) -> Self {
        Self {
            is_mount: is_mount(objects.folders().path()).unwrap_or_default(),
            settings,
            is_read_only,
            open: RwLock::new(Arc::new(objects)),
            reopening: Mutex::default(),
        }
    }

    pub(super) fn last(&self) -> Arc<DiskObjects> {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The store as it is now. Called before every operation: it is one stat of a folder, and a store that has
    /// disappeared must not pass for an empty one.
    pub(super) fn objects(&self) -> Result<Arc<DiskObjects>, Error> {
        let objects = self.last();
        if self.is_in_place(&objects)? {
            return Ok(objects);
        }
        let _turn = self
            .reopening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another task may have been first.
        let objects = self.last();
        if self.is_in_place(&objects)? {
            return Ok(objects);
        }
        let path = objects.folders().path();
        let is_mount = is_mount(path).map_err(Error::io(ACTION))?;
        if self.is_mount && !is_mount {
            return Err(Error::Unavailable {
                action: ACTION,
                source: io::Error::other("nothing is mounted there any more"),
            });
        }
        let found = Arc::new(match self.is_read_only {
            true => DiskObjects::open_to_read(&self.settings)?,
            false => DiskObjects::open(&self.settings)?,
        });
        tracing::warn!(path = %path.display(), "another folder is in place of the store; it is used from now on");
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = found.clone();
        Ok(found)
    }

    /// The same if nothing has changed and no look at it waits.
    pub(super) fn objects_at_hand(&self) -> Option<Arc<DiskObjects>> {
        let objects = self.last();
        let is_there = objects.is_local() && self.is_in_place(&objects).unwrap_or_default();
        is_there.then_some(objects)
    }

    fn is_in_place(&self, objects: &DiskObjects) -> Result<bool, Error> {
        let held = objects.folders().root().metadata();
        let held = held.map_err(Error::io(ACTION))?;
        let now = fs::metadata(objects.folders().path()).map_err(Error::io(ACTION))?;
        // Another program may have emptied it, our own folders included.
        Ok(id(&held) == id(&now) && (self.is_read_only || objects.spool_dir().is_dir()))
    }
}

fn id(folder: &Metadata) -> (u64, u64) {
    (folder.dev(), folder.ino())
}

fn is_mount(path: &Path) -> io::Result<bool> {
    let above = path.parent().unwrap_or(path);
    Ok(fs::metadata(path)?.dev() != fs::metadata(above)?.dev())
}
