//! Copies allowed IPTC data sets unchanged into a Photoshop resource.

use super::MAX_BYTES;
use crate::probe::rights::iptc::{as_resource, blocks, data_sets};

/// Data sets of the application record with locations: content location code and name, city, sublocation,
/// province, country code and name.
const PLACES: [u8; 7] = [26, 27, 90, 92, 95, 100, 101];

/// Data sets from this number on are previews or undefined.
const PREVIEWS: u8 = 200;

/// Returns the application record, and the data set that declares UTF-8.
pub(super) fn kept(plain: Option<&[u8]>, photoshop: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    for block in blocks(plain, photoshop) {
        let mut has_any = false;
        for (record, set, value) in data_sets(block) {
            let is_kept = match record {
                1 => set == 90,
                2 => !PLACES.contains(&set) && set < PREVIEWS,
                _ => false,
            };
            if !is_kept || kept.len() + value.len() + 5 > MAX_BYTES {
                continue;
            }
            has_any |= record == 2 && set != 0;
            kept.extend([0x1c, record, set]);
            kept.extend((value.len() as u16).to_be_bytes());
            kept.extend(value);
        }
        // Further blocks repeat the first.
        if has_any {
            return Some(as_resource(&kept));
        }
        kept.clear();
    }
    None
}
