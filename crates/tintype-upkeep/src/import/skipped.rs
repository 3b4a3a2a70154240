//! Finds files that cannot be originals, so that they are reported rather than silently left out.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use tintype_store::Key;

/// Calls `report` with each path that an import leaves out, relative to `root`, and the reason.
pub(super) fn find(root: &Path, prefix: &str, report: &mut dyn FnMut(&Path, String)) {
    let Ok(root) = root.canonicalize() else {
        return;
    };
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) => {
                report(&folder, format!("the folder cannot be read: {error}"));
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            if is_own(&path) || !may_start_with(&path, prefix) {
                continue;
            }
            match reason(&root, &path) {
                Look::Folder => folders.push(path),
                Look::Original => {}
                Look::Skipped(reason) => report(&path, reason),
            }
        }
    }
}

enum Look {
    Folder,
    Original,
    Skipped(String),
}

fn reason(root: &Path, path: &Path) -> Look {
    let skip = |reason: &str| Look::Skipped(reason.to_owned());
    let Ok(metadata) = fs::symlink_metadata(root.join(path)) else {
        // Deleted meanwhile.
        return Look::Original;
    };
    let Some(name) = path.to_str() else {
        return skip("the name is not UTF-8");
    };
    if metadata.is_dir() {
        return Look::Folder;
    }
    if let Err(error) = Key::existing(name) {
        return Look::Skipped(error.to_string());
    }
    if metadata.is_file() {
        return Look::Original;
    }
    if !metadata.is_symlink() {
        return skip("neither a file nor a folder");
    }
    match root.join(path).canonicalize() {
        Err(_) => skip("a dangling link"),
        Ok(target) if !target.starts_with(root) => skip("a link to outside of the folder"),
        Ok(target) if target.is_dir() => skip("a link to a folder"),
        Ok(_) => Look::Original,
    }
}

/// tintype's own folder is not an original, and is not reported.
fn is_own(path: &Path) -> bool {
    path == Path::new(OsStr::new(".tintype"))
}

/// Whether a path is below a prefix, or a folder on the way to it.
fn may_start_with(path: &Path, prefix: &str) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let (path, prefix) = (path.as_os_str().as_bytes(), prefix.as_bytes());
    let common = path.len().min(prefix.len());
    path[..common] == prefix[..common]
}
