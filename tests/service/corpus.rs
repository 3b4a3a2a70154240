//! Real images, which are kept beside the checkout.

use std::path::PathBuf;

use serde_json::Value;

/// Returns the bytes of a file, such as `photos/Wood.jpg`. A missing corpus fails: tests that silently find no images
/// would pass.
pub fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/corpus"
    ))
}

/// All files of a folder of the corpus, by name.
pub fn list(name: &str) -> Vec<String> {
    let path = folder().join(name);
    let entries = std::fs::read_dir(&path);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A small real photograph, 512x512.
pub fn tower() -> Vec<u8> {
    read("photos/tower.jpg")
}

/// Width and height in the record of an upload.
pub fn size(record: &Value) -> (u64, u64) {
    let image = &record["image"];
    let side = |name: &str| {
        let side = image[name].as_u64();
        side.unwrap_or_else(|| panic!("no {name} in {record}"))
    };
    (side("width"), side("height"))
}
