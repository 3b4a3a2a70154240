//! Listings in byte order of the keys, one bounded page at a time.
//!
//! A folder sorts as its name with a slash, so walking folders depth first gives the same order as a bucket. Of
//! each folder only the smallest entries that the page can still use are kept and examined, and folders that are
//! wholly before the cursor are not opened.

use std::collections::BinaryHeap;
use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use super::folders::split;
use super::objects::{DiskObjects, etag};
use crate::key::RESERVED;
use crate::{Error, Key, ListedOriginal, OriginalPage};

/// Most folders that one page opens: a tree of empty ones ends a page early rather than never. It is more than a
/// key can have segments, so that every page makes progress.
const MOST_FOLDERS: usize = 2_048;

/// A folder on the path to the current position, with those of its entries that are still to be visited.
struct Level {
    folder: String,
    /// In reverse order.
    entries: Vec<Entry>,
    /// Where to continue reading once they are used up.
    resume: Option<String>,
}

enum Entry {
    /// With its slash.
    Folder(String),
    File(ListedOriginal),
}

struct FolderWalk<'a> {
    objects: &'a DiskObjects,
    prefix: &'a str,
    delimiter: bool,
    cursor: &'a str,
    limit: usize,
    folders_left: usize,
}

pub(super) fn page(
    objects: &DiskObjects,
    prefix: &str,
    delimiter: bool,
    cursor: &str,
    limit: usize,
) -> Result<OriginalPage, Error> {
    let mut page = OriginalPage::default();
    let (base, _) = split(prefix);
    if base
        .split_terminator('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return Ok(page);
    }
    let mut walk = FolderWalk {
        objects,
        prefix,
        delimiter,
        cursor,
        limit,
        folders_left: MOST_FOLDERS,
    };
    let mut levels = Vec::new();
    levels.extend(walk.read(base.to_owned(), None)?);
    // The last key, or folder with its slash, that the walk has processed.
    let mut position = cursor.to_owned();

    while let Some(level) = levels.last_mut() {
        let full = page.files.len() + page.dirs.len() >= limit;
        match level.entries.pop() {
            Some(Entry::File(_)) if full => {
                page.cursor = Some(position);
                return Ok(page);
            }
            Some(Entry::Folder(_)) if full && delimiter => {
                page.cursor = Some(position);
                return Ok(page);
            }
            Some(Entry::File(listed)) => {
                listed.key.as_str().clone_into(&mut position);
                page.files.push(listed);
            }
            Some(Entry::Folder(folder)) if delimiter => {
                position.clone_from(&folder);
                page.dirs.push(folder);
            }
            Some(Entry::Folder(_)) if walk.folders_left == 0 => {
                page.cursor = Some(position);
                return Ok(page);
            }
            Some(Entry::Folder(folder)) => levels.extend(walk.read(folder, None)?),
            None if level.resume.is_some() && walk.folders_left == 0 => {
                page.cursor = Some(position);
                return Ok(page);
            }
            None => match levels.pop() {
                Some(Level {
                    folder,
                    resume: Some(after),
                    ..
                }) => {
                    levels.extend(walk.read(folder, Some(&after))?);
                }
                Some(Level {
                    folder,
                    resume: None,
                    ..
                }) => position = folder,
                None => {}
            },
        }
    }
    Ok(page)
}

impl FolderWalk<'_> {
    /// Reads the next entries of a folder; `None` if it no longer exists.
    fn read(&mut self, folder: String, after: Option<&str>) -> Result<Option<Level>, Error> {
        self.folders_left = self.folders_left.saturating_sub(1);
        let Some(open) = self.objects.folders().find(&folder)? else {
            return Ok(None);
        };
        let names = smallest(&open, self.limit + 1, |name, is_folder| {
            let path = format!("{folder}{name}{}", if is_folder { "/" } else { "" });
            let wanted = after.is_none_or(|after| path.as_str() > after) && self.wants(&path);
            wanted.then_some(path)
        })?;
        let resume = (names.len() > self.limit)
            .then(|| names.last().cloned())
            .flatten();
        let mut entries = Vec::with_capacity(names.len());
        for path in names.into_iter().rev() {
            if path.ends_with('/') {
                entries.push(Entry::Folder(path));
            } else {
                entries.extend(self.describe(&open, path)?.map(Entry::File));
            }
        }
        Ok(Some(Level {
            folder,
            entries,
            resume,
        }))
    }

    /// Whether a key or a folder belongs to this page or a later one.
    fn wants(&self, path: &str) -> bool {
        if !path.starts_with(self.prefix) {
            return false;
        }
        if path
            .split_once('/')
            .is_some_and(|(first, _)| first.eq_ignore_ascii_case(RESERVED))
        {
            return false;
        }
        // A cursor that ends with a slash is a folder that was processed as a whole; one inside a folder has
        // processed part of it, unless folders are listed.
        if self.cursor.ends_with('/') && path.starts_with(self.cursor) {
            return false;
        }
        let half = !self.delimiter && path.ends_with('/') && self.cursor.starts_with(path);
        path > self.cursor || half
    }

    /// Describes a file without opening it; `None` if it is not an original.
    fn describe(&self, folder: &File, path: String) -> Result<Option<ListedOriginal>, Error> {
        let Ok(key) = Key::existing(&path) else {
            return Ok(None);
        };
        let action = "reading an object's metadata";
        let stat = match rustix::fs::statat(folder, split(&path).1, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Error::io(action)(errno.into())),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                // The types of these fields differ between architectures.
                let (seconds, nanoseconds) = (stat.st_mtime as i64, stat.st_mtime_nsec as i64);
                let size = stat.st_size as u64;
                let etag = etag(stat.st_ino as u64, size, seconds, nanoseconds);
                Ok(Some(ListedOriginal {
                    key,
                    size,
                    etag,
                    modified: time(seconds, nanoseconds),
                }))
            }
            FileType::Symlink => {
                Ok(self
                    .objects
                    .open_object(&path)?
                    .map(|(_, meta)| ListedOriginal {
                        key,
                        size: meta.size,
                        etag: meta.etag,
                        modified: meta.modified,
                    }))
            }
            _ => Ok(None),
        }
    }
}

/// The smallest entries of a folder that pass `keep`, in order, however many there are.
pub(super) fn smallest(
    folder: &File,
    most: usize,
    keep: impl Fn(&str, bool) -> Option<String>,
) -> Result<Vec<String>, Error> {
    let action = "reading a folder";
    let mut heap = BinaryHeap::new();
    for entry in Dir::read_from(folder).map_err(|errno| Error::io(action)(errno.into()))? {
        let entry = entry.map_err(|errno| Error::io(action)(errno.into()))?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        if matches!(name, "." | "..") {
            continue;
        }
        let file_type = match entry.file_type() {
            // Some file systems do not report the type here.
            FileType::Unknown => rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| {
                    FileType::from_raw_mode(stat.st_mode)
                }),
            file_type => file_type,
        };
        if let Some(path) = keep(name, file_type == FileType::Directory) {
            heap.push(path);
            if heap.len() > most {
                heap.pop();
            }
        }
    }
    Ok(heap.into_sorted_vec())
}

fn time(seconds: i64, nanoseconds: i64) -> SystemTime {
    let nanoseconds = Duration::from_nanos(nanoseconds.unsigned_abs());
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    second
        .and_then(|second| second.checked_add(nanoseconds))
        .unwrap_or(UNIX_EPOCH)
}
