//! The samples of a track: where they are, and how long each is shown (ISO/IEC 14496-12, sections 8.6 and 8.7). Every
//! table ends with its box, whatever number of entries it declares.

use super::boxes::{Fields, FourCc, find};
use crate::Error;
use crate::spec::MAX_FRAMES;

/// Returns the offset in the file and the length of each sample, in order.
pub(super) fn places(stbl: &[u8]) -> Result<Vec<(u64, u64)>, Error> {
    check_order(stbl)?;
    let mut lengths = table(stbl, *b"stsz")?;
    let same = lengths.be32()?;
    let samples = count(&mut lengths)?;
    let mut runs = runs(stbl)?.into_iter().peekable();
    let (mut offsets, bytes) = match find(stbl, *b"co64") {
        Some(_) => (table(stbl, *b"co64")?, 8),
        None => (table(stbl, *b"stco")?, 4),
    };
    let mut places = Vec::new();
    let mut of_a_chunk = 0;
    for chunk in 1..=offsets.be32()? {
        if let Some((_, samples)) = runs.next_if(|(first, _)| *first == chunk) {
            of_a_chunk = samples;
        }
        if of_a_chunk == 0 {
            return Err(Error::malformed("a chunk without samples"));
        }
        let mut offset = offsets.number(bytes)?;
        for _ in 0..of_a_chunk.min(samples - places.len() as u32) {
            let length = match same {
                0 => lengths.be32()?,
                same => same,
            };
            places.push((offset, u64::from(length)));
            offset = offset.saturating_add(u64::from(length));
        }
        if places.len() as u32 == samples {
            return Ok(places);
        }
    }
    Err(Error::malformed("samples without a chunk"))
}

/// Returns how many milliseconds each sample is shown. The sum is right, although each one is rounded.
pub(super) fn milliseconds(
    stbl: &[u8],
    units_of_a_second: u32,
    samples: usize,
) -> Result<Vec<u32>, Error> {
    let a_second = u64::from(units_of_a_second);
    let rounded = |units: u64| {
        let thousand = 1000 * units + a_second / 2;
        let time = thousand.checked_div(a_second);
        time.ok_or_else(|| Error::malformed("a track without a time scale"))
    };
    let mut table = table(stbl, *b"stts")?;
    let (mut times, mut start) = (Vec::new(), 0);
    for _ in 0..table.be32()? {
        let (repeated, units) = (table.be32()? as usize, u64::from(table.be32()?));
        for _ in 0..repeated.min(samples - times.len()) {
            let time = rounded(start + units)? - rounded(start)?;
            times.push(u32::try_from(time).unwrap_or(u32::MAX));
            start += units;
        }
        if times.len() == samples {
            return Ok(times);
        }
    }
    Err(Error::malformed("samples without a duration"))
}

/// Returns the first chunk and the samples per chunk of each run of chunks.
fn runs(stbl: &[u8]) -> Result<Vec<(u32, u32)>, Error> {
    let mut table = table(stbl, *b"stsc")?;
    let mut runs = Vec::new();
    for _ in 0..count(&mut table)? {
        runs.push((table.be32()?, table.be32()?));
        if table.be32()? != 1 {
            return Err(Error::unsupported("a track of several codings"));
        }
    }
    Ok(runs)
}

/// Fails if samples are shown in another order than stored, which AV1 has no use for.
fn check_order(stbl: &[u8]) -> Result<(), Error> {
    if find(stbl, *b"ctts").is_none() {
        return Ok(());
    }
    let mut table = table(stbl, *b"ctts")?;
    let mut before = None;
    for _ in 0..table.be32()? {
        table.be32()?;
        let offset = table.be32()?;
        if *before.get_or_insert(offset) != offset {
            return Err(Error::unsupported("a track in another order"));
        }
    }
    Ok(())
}

/// Reads a number of samples, or of something of which each sample needs one at most.
fn count(table: &mut Fields<'_>) -> Result<u32, Error> {
    let count = table.be32()?;
    Error::check("samples", u64::from(count), u64::from(MAX_FRAMES))?;
    Ok(count)
}

fn table(stbl: &[u8], kind: FourCc) -> Result<Fields<'_>, Error> {
    let content = find(stbl, kind);
    let mut table = Fields::new(content.ok_or_else(|| Error::malformed("a table is missing"))?);
    table.version()?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_box(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
        let mut content = vec![0; 4];
        content.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        let length = (content.len() as u32 + 8).to_be_bytes();
        [&length[..], kind, &content].concat()
    }

    /// Four samples, of which the first two are in one chunk.
    fn four(sizes: &[u32], stsc: &[u32], stco: &[u32]) -> Result<Vec<(u64, u64)>, Error> {
        places(
            &[
                full_box(b"stsz", sizes),
                full_box(b"stsc", stsc),
                full_box(b"stco", stco),
            ]
            .concat(),
        )
    }

    #[test]
    fn samples_are_in_chunks_and_runs() {
        let stsc = [2, 1, 2, 1, 2, 1, 1];
        let places = four(&[0, 4, 5, 6, 7, 8], &stsc, &[3, 100, 200, 300]);
        assert_eq!(places.unwrap(), [(100, 5), (105, 6), (200, 7), (300, 8)]);
        let places = four(&[9, 4], &stsc, &[3, 100, 200, 300]);
        assert_eq!(places.unwrap(), [(100, 9), (109, 9), (200, 9), (300, 9)]);
        // A run may declare more than there is.
        let places = four(&[9, 2], &[1, 1, u32::MAX, 1], &[u32::MAX, 100]);
        assert_eq!(places.unwrap(), [(100, 9), (109, 9)]);
    }

    #[test]
    fn a_table_that_lacks_something_is_an_error() {
        let (sizes, stsc, stco) = ([0, 2, 5, 6], [1, 1, 2, 1], [1, 100]);
        assert!(four(&sizes, &stsc, &stco).is_ok());
        for (sizes, stsc, stco) in [
            (&[0, 2, 5][..], &stsc[..], &stco[..]),
            (&[0, u32::MAX, 5], &stsc, &stco),
            (&[1, u32::MAX], &stsc, &stco),
            (&sizes, &[u32::MAX, 1, 2, 1], &stco),
            (&sizes, &[1, 1, 0, 1], &stco),
            (&sizes, &[1, 2, 2, 1], &stco),
            (&sizes, &[1, 1, 2, 2], &stco),
            (&sizes, &[1, 1, 1, 1], &stco),
            (&sizes, &stsc, &[0, 100]),
            (&sizes, &stsc, &[1]),
            (&sizes, &stsc, &[]),
        ] {
            let places = four(sizes, stsc, stco);
            assert!(places.is_err(), "{sizes:?} {stsc:?} {stco:?}: {places:?}");
        }
        let tables = [
            full_box(b"stsz", &sizes),
            full_box(b"stsc", &stsc),
            full_box(b"stco", &stco),
        ];
        for (ctts, is_read) in [
            (&[1, 2, 7][..], true),
            (&[2, 1, 0, 1, 7], false),
            (&[2], false),
        ] {
            let tables = [&tables.concat()[..], &full_box(b"ctts", ctts)].concat();
            assert_eq!(places(&tables).is_ok(), is_read, "{ctts:?}");
        }
    }

    #[test]
    fn times_add_up() {
        let times = |stts: &[u32], a_second, samples| {
            milliseconds(&full_box(b"stts", stts), a_second, samples).ok()
        };
        assert_eq!(times(&[1, 3, 1], 30, 3), Some(vec![33, 34, 33]));
        assert_eq!(times(&[2, 1, 5, 9, 2], 10, 2), Some(vec![500, 200]));
        let most = [u32::MAX; 3];
        assert_eq!(times(&most, 1, 2), Some(vec![u32::MAX; 2]));
        assert_eq!(times(&[1, 1, 5], 10, 2), None);
        assert_eq!(times(&[1, 2, 5], 0, 2), None);
    }
}
