//! Kernel locks shared by the processes of one host: check and change happen under the same lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::Error;

/// Holders make a handful of system calls and no flush, so this is reached only if one is stopped.
const TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_NAP: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct FileLocks {
    folder: PathBuf,
}

/// Held until dropped, or until the process dies.
pub(super) struct FileLock {
    _file: File,
}

impl FileLocks {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Waits for the lock of the shard of `path`; never hold two at a time.
    ///
    /// flock(2) belongs to an open file, so opening the file anew each time also keeps the threads of one process
    /// apart. It polls, because the blocking call could wait for ever.
    pub(super) fn hold(&self, path: &str) -> Result<FileLock, Error> {
        let shard = Sha256::digest(path.as_bytes())[0];
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.folder.join(format!("{shard:02x}")))
            .map_err(Error::io("opening a lock"))?;
        let deadline = Instant::now() + TIMEOUT;
        let mut nap = Duration::from_micros(50);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(FileLock { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(nap),
                Err(TryLockError::WouldBlock) => {
                    let source = io::Error::new(io::ErrorKind::TimedOut, "held for more than 10 s");
                    return Err(Error::Unavailable {
                        action: "waiting for a lock",
                        source,
                    });
                }
                Err(TryLockError::Error(source)) => return Err(Error::io("locking")(source)),
            }
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }
}
