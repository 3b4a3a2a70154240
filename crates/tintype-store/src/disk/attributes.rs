//! Attributes, stored as extended attributes `user.tintype.*` of the file itself.
//!
//! They belong to the inode, so they exist before the file has its name, move with it, and survive a hard link.
//! They are hexadecimal, so that getfattr shows what sha256sum prints.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use xattr::FileExt;

use crate::{Attributes, Error, HexId};

const IDEMPOTENCY: &str = "user.tintype.idempotency";
const NONCE: &str = "user.tintype.nonce";
const SHA256: &str = "user.tintype.sha256";
const ENCODING: &str = "user.tintype.encoding";

pub(super) fn write(file: &File, attributes: &Attributes) -> Result<(), Error> {
    let sha256 = attributes.sha256.map(|hash| hash.to_string());
    for (name, value) in [
        (IDEMPOTENCY, attributes.idempotency.as_deref()),
        (NONCE, attributes.nonce.as_deref()),
        (SHA256, sha256.as_deref()),
        (ENCODING, attributes.encoding.as_deref()),
    ] {
        match value {
            Some(value) => file.set_xattr(name, value.as_bytes()),
            // A spooled file that is stored again may have attributes from an earlier attempt.
            None => file.remove_xattr(name).or_else(absent_is_fine),
        }
        .map_err(Error::io("setting the attributes of an object"))?;
    }
    Ok(())
}

/// Values that we would not have written count as absent: other programs copy files too.
pub(super) fn read(file: &File) -> Attributes {
    // One call instead of one for each, most of which a file does not have.
    let Ok(names) = file.list_xattr() else {
        return Attributes::default();
    };
    let names: Vec<_> = names.collect();
    let text = |name: &str| {
        if !names.iter().any(|known| known == name) {
            return None;
        }
        let value = file.get_xattr(name).ok().flatten()?;
        String::from_utf8(value).ok()
    };
    let attributes = Attributes {
        idempotency: text(IDEMPOTENCY),
        nonce: text(NONCE),
        sha256: text(SHA256).and_then(|hex| HexId::parse(&hex)),
        encoding: text(ENCODING),
    };
    match attributes.check() {
        Ok(()) => attributes,
        Err(_) => Attributes::default(),
    }
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    match Errno::from_io_error(&error) {
        Some(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        _ => Err(error),
    }
}
