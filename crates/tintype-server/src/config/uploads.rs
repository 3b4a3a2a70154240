//! What may be uploaded, and where uploads are spooled until they are complete.

use std::path::PathBuf;

use super::option::options;
use super::read;
use super::reader::OptionReader;

options! {
    "Uploads";

    /// Where uploads are spooled until they are complete, and the size of the spool. By default it is in the
    /// store's own folder, so that a file is linked into place rather than copied; for a bucket it is in the folder
    /// for temporary files (TMPDIR, else /tmp). It must be writable.
    SPOOL_DIR = "spool_dir", "";

    /// Larger uploads than this are refused whatever max_upload_bytes says.
    SPOOL_BYTES = "spool_bytes", "2GiB";

    /// Media types that are accepted, by content: "image/*,application/pdf".
    ALLOW_TYPES = "allow_types", "*";

    /// The largest upload. If its length is declared, it is refused before its body is read.
    MAX_UPLOAD_BYTES = "max_upload_bytes", "5GiB";
}

#[derive(Debug)]
pub struct Uploads {
    pub spool_dir: Option<PathBuf>,
    pub spool_bytes: u64,
    /// Media types, `image/*` or `*`.
    pub allow_types: Vec<String>,
    pub max_upload_bytes: u64,
}

impl Uploads {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        Self {
            spool_dir: reader.optional(SPOOL_DIR, |text| Ok(PathBuf::from(text))),
            spool_bytes: reader.read(SPOOL_BYTES, read::many_bytes(64 * 1024)),
            allow_types: reader.read(ALLOW_TYPES, read::media_types),
            max_upload_bytes: reader.read(MAX_UPLOAD_BYTES, read::many_bytes(1024)),
        }
    }

    /// Whether a media type may be uploaded.
    pub fn allows_type(&self, media_type: &str) -> bool {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        self.allow_types
            .iter()
            .any(|allowed| match allowed.strip_suffix('*') {
                Some(start) => essence.starts_with(start),
                None => essence == allowed,
            })
    }
}
