//! Copies allowed IPTC data sets unchanged into a Photoshop resource.

use super::MAX_BYTES;
use crate::probe::rights::Rights;
use crate::probe::rights::iptc::{
    RIGHTS, as_resource, as_utf8, blocks, data_sets, push, rights_in_utf8,
};

/// Data sets of the application record with locations: content location code and name, city, sublocation,
/// province, country code and name.
const PLACES: [u8; 7] = [26, 27, 90, 92, 95, 100, 101];

/// Data sets from this number on are previews or undefined.
const PREVIEWS: u8 = 200;

/// Returns the application record, and the data set that declares UTF-8. `instead` replaces author, credit, source and
/// copyright.
pub(super) fn kept(
    plain: Option<&[u8]>,
    photoshop: Option<&[u8]>,
    instead: Option<&Rights>,
) -> Option<Vec<u8>> {
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
            if instead.is_none() {
                push(&mut kept, (record, set), value);
            } else if record == 2 && set != 0 && !RIGHTS.contains(&set) {
                push(&mut kept, (record, set), as_utf8(value).as_bytes());
            }
        }
        // Further blocks repeat the first.
        if has_any {
            let sets = instead.map(rights_in_utf8).unwrap_or_default();
            return Some(as_resource(&[sets, kept].concat()));
        }
        kept.clear();
    }
    None
}
