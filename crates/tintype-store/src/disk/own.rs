//! tintype's own objects of one kind, in order of their names in its folder.

use super::list::smallest;
use super::objects::DiskObjects;
use crate::{Error, ObjectKind, ObjectPage, OwnObject, Survey};

pub(super) fn list(
    objects: &DiskObjects,
    kind: ObjectKind,
    cursor: &str,
    limit: usize,
) -> Result<ObjectPage, Error> {
    let (names, cursor) = names(objects, kind, cursor, limit)?;
    Ok(ObjectPage {
        objects: names.iter().filter_map(|name| kind.object(name)).collect(),
        cursor,
    })
}

pub(super) fn survey(
    objects: &DiskObjects,
    kind: ObjectKind,
    cursor: &str,
    limit: usize,
) -> Result<Survey, Error> {
    let (names, cursor) = names(objects, kind, cursor, limit)?;
    let mut found = Vec::with_capacity(names.len());
    for object in names.iter().filter_map(|name| kind.object(name)) {
        // Deleted meanwhile.
        if let Some((_, meta)) = objects.open_object(&object.path())? {
            found.push(OwnObject {
                object,
                size: meta.size,
                modified: meta.modified,
            });
        }
    }
    Ok(Survey {
        objects: found,
        cursor,
    })
}

/// The names of one page, and the cursor if there are more.
fn names(
    objects: &DiskObjects,
    kind: ObjectKind,
    cursor: &str,
    limit: usize,
) -> Result<(Vec<String>, Option<String>), Error> {
    let mut names = match kind {
        ObjectKind::Variant => nested(objects, &kind.folder(), cursor, limit + 1)?,
        ObjectKind::Record
        | ObjectKind::Tombstone
        | ObjectKind::Block
        | ObjectKind::Idem
        | ObjectKind::Outbox => flat(objects, &kind.folder(), cursor, limit + 1)?,
    };
    let more = names.len() > limit;
    names.truncate(limit);
    let cursor = names.last().filter(|_| more).cloned();
    Ok((names, cursor))
}

fn flat(
    objects: &DiskObjects,
    folder: &str,
    after: &str,
    most: usize,
) -> Result<Vec<String>, Error> {
    let Some(folder) = objects.folders().find(folder)? else {
        return Ok(Vec::new());
    };
    smallest(&folder, most, |name, is_folder| {
        (!is_folder && name > after).then(|| name.to_owned())
    })
}

/// The names in the subfolders of a folder, each with its subfolder.
fn nested(
    objects: &DiskObjects,
    folder: &str,
    after: &str,
    most: usize,
) -> Result<Vec<String>, Error> {
    let mut found: Vec<String> = Vec::new();
    let Some(open) = objects.folders().find(folder)? else {
        return Ok(found);
    };
    let (current, within) = after.split_once('/').unwrap_or_default();
    let (mut current, mut within) = (current.to_owned(), within.to_owned());
    loop {
        let mut inner = smallest(&open, most, |name, is_folder| {
            let half = name == current && !within.is_empty();
            (is_folder && (name > current.as_str() || half)).then(|| name.to_owned())
        })?;
        for name in &inner {
            let after = if *name == current { &within } else { "" };
            let names = flat(
                objects,
                &format!("{folder}{name}/"),
                after,
                most - found.len(),
            )?;
            found.extend(names.into_iter().map(|file| format!("{name}/{file}")));
            if found.len() == most {
                return Ok(found);
            }
        }
        match inner.pop() {
            // There may be more subfolders; these had too few files.
            Some(last) if inner.len() + 1 == most => (current, within) = (last, String::new()),
            _ => return Ok(found),
        }
    }
}
