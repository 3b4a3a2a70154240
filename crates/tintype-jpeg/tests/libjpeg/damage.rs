//! Damage affects only the damaged part: intact data is decoded as usual, the rest is gray or as an earlier scan left
//! it, and the damage is reported. The result is never worse than libjpeg's.

use crate::djpeg::{Pixels, difference, djpeg, ours, read, run};

/// 4:2:0, 640 x 480, one scan.
const SEQUENTIAL: &str = "formats/made-jpeg-420-base.jpg";
const PROGRESSIVE: &str = "formats/made-jpeg-420-prog.jpg";

/// Adds a restart marker after each row of MCUs.
fn with_restarts() -> Vec<u8> {
    run("jpegtran", &["-restart", "1"], &read(SEQUENTIAL)).unwrap()
}

fn whole(bytes: &[u8]) -> Pixels {
    let (pixels, damaged) = ours(bytes, 8).unwrap();
    assert!(!damaged);
    pixels
}

fn damaged(bytes: &[u8]) -> Pixels {
    let (pixels, damaged) = ours(bytes, 8).unwrap();
    assert!(damaged);
    pixels
}

/// Counts identical lines from the top.
fn same_from_top(one: &Pixels, other: &Pixels) -> usize {
    let stride = one.width * one.channels;
    let lines = one.samples.chunks(stride).zip(other.samples.chunks(stride));
    lines.take_while(|(a, b)| a == b).count()
}

/// Lists the lines that differ.
fn different(one: &Pixels, other: &Pixels) -> Vec<usize> {
    let stride = one.width * one.channels;
    let lines = one.samples.chunks(stride).zip(other.samples.chunks(stride));
    let different = lines.enumerate().filter(|(_, (a, b))| a != b);
    different.map(|(line, _)| line).collect()
}

/// At least as close to the undamaged image as libjpeg's output.
fn is_no_worse_than_libjpeg(bytes: &[u8], shown: &Pixels, whole: &Pixels) {
    let reference = djpeg(bytes, 8).unwrap();
    let (ours, theirs) = (difference(shown, whole).0, difference(&reference, whole).0);
    assert!(ours <= theirs + 0.1, "{ours} instead of {theirs}");
}

fn position_of(bytes: &[u8], marker: u8, nth: usize) -> usize {
    let pairs = bytes.windows(2).enumerate();
    let mut found = pairs.filter(|(_, pair)| *pair == [0xFF, marker]);
    found.nth(nth).unwrap().0
}

#[test]
fn an_end_that_is_missing_costs_nothing() {
    for file in [SEQUENTIAL, PROGRESSIVE, "photos/tower_grayscale.jpg"] {
        let bytes = read(file);
        let cut = bytes.strip_suffix(b"\xFF\xD9").unwrap();
        assert_eq!(whole(cut).samples, whole(&bytes).samples);
    }
}

#[test]
fn what_follows_the_end_is_nothing() {
    let bytes = read(SEQUENTIAL);
    let followed = [&bytes[..], &[0xFF, 0xC4, 0xFF, 0xDA, 1, 2, 3], &bytes].concat();
    assert_eq!(whole(&followed).samples, whole(&bytes).samples);
}

#[test]
fn what_was_cut_off_is_gray() {
    let bytes = read(SEQUENTIAL);
    let whole = whole(&bytes);
    for percent in [20, 50, 90] {
        let cut = &bytes[..bytes.len() * percent / 100];
        let shown = damaged(cut);
        let same = same_from_top(&shown, &whole);
        assert!(same > 16, "{percent}: {same}");
        // The last lines are far after the damage.
        let last = &shown.samples[shown.samples.len() - shown.width * 3..];
        assert!(last.iter().all(|sample| *sample == 128), "{percent}");
        is_no_worse_than_libjpeg(cut, &shown, &whole);
    }
}

#[test]
fn a_lost_restart_marker_costs_what_stands_behind_it() {
    let bytes = with_restarts();
    let whole = whole(&bytes);
    for nth in 0..2 {
        let mut lost = bytes.clone();
        let at = position_of(&bytes, 0xD4, nth);
        lost.drain(at..at + 2);
        let shown = damaged(&lost);
        let different = different(&shown, &whole);
        // One row of MCUs, plus the lines of its neighbours that interpolate its chroma.
        assert!(different.len() <= 18, "{different:?}");
        is_no_worse_than_libjpeg(&lost, &shown, &whole);
    }
}

#[test]
fn rows_that_are_lost_with_their_markers_leave_the_others_in_place() {
    let bytes = with_restarts();
    let whole = whole(&bytes);
    let (from, to) = (position_of(&bytes, 0xD3, 1), position_of(&bytes, 0xD5, 1));
    let lost = [&bytes[..from], &bytes[to..]].concat();
    let shown = damaged(&lost);
    let different = different(&shown, &whole);
    assert!(different.len() <= 34, "{different:?}");
    is_no_worse_than_libjpeg(&lost, &shown, &whole);
}

#[test]
fn a_restart_marker_that_comes_twice_costs_nothing_behind_it() {
    let bytes = with_restarts();
    let whole = whole(&bytes);
    let at = position_of(&bytes, 0xD2, 1);
    let twice = [&bytes[..at], b"\xFF\xD2", &bytes[at..]].concat();
    let (shown, _) = ours(&twice, 8).unwrap();
    let different = different(&shown, &whole);
    assert!(different.len() <= 18, "{different:?}");
}

#[test]
fn rubbish_between_restarts_stays_there() {
    let bytes = with_restarts();
    let whole = whole(&bytes);
    let at = position_of(&bytes, 0xD4, 0) + 100;
    for rubbish in [[0x00; 20], [0x55; 20], [0xFE; 20]] {
        let mut spoilt = bytes.clone();
        spoilt[at..at + 20].copy_from_slice(&rubbish);
        let (shown, _) = ours(&spoilt, 8).unwrap();
        let different = different(&shown, &whole);
        assert!(different.len() <= 18, "{different:?}");
        is_no_worse_than_libjpeg(&spoilt, &shown, &whole);
    }
}

/// Without restart markers, Huffman codes resynchronise by themselves.
#[test]
fn rubbish_in_the_middle_is_passed_as_libjpeg_passes_it() {
    let bytes = read(SEQUENTIAL);
    let whole = whole(&bytes);
    for (at, rubbish) in [
        (40_000, [0x00; 8]),
        (60_000, [0x55; 8]),
        (80_000, [0xFE; 8]),
    ] {
        let mut spoilt = bytes.clone();
        spoilt[at..at + 8].copy_from_slice(&rubbish);
        let (shown, _) = ours(&spoilt, 8).unwrap();
        assert!(same_from_top(&shown, &whole) > 100);
        is_no_worse_than_libjpeg(&spoilt, &shown, &whole);
        let reference = djpeg(&spoilt, 8).unwrap();
        assert!(difference(&shown, &reference).0 < 1.0);
    }
}

#[test]
fn a_broken_last_scan_leaves_the_earlier_ones() {
    let bytes = read(PROGRESSIVE);
    let whole = whole(&bytes);
    let starts: Vec<usize> = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == [0xFF, 0xDA])
        .map(|(at, _)| at)
        .collect();
    let last = *starts.last().unwrap();
    let without = [&bytes[..last], b"\xFF\xD9"].concat();
    let (earlier, _) = ours(&without, 8).unwrap();
    let allowed = difference(&earlier, &whole).0;
    // Truncated in the scan header and in the data.
    let cuts = [last + 5, last + 20, (last + bytes.len()) / 2];
    for cut in cuts {
        let shown = damaged(&bytes[..cut]);
        let off = difference(&shown, &whole).0;
        assert!(off <= allowed + 0.01, "{cut}: {off} of {allowed}");
    }
    let mut spoilt = bytes.clone();
    spoilt[last..last + 10].copy_from_slice(&[0xFF, 0xDA, 0, 8, 9, 9, 9, 9, 9, 9]);
    assert_eq!(damaged(&spoilt).samples, earlier.samples);
}

#[test]
fn reported_files_are_shown_as_libjpeg_shows_them() {
    for file in [
        "corrupt-middle.jpg",
        "restart-marker-missing.jpg",
        "trunc-eoi-only.jpg",
    ] {
        let bytes = read(&format!("reported/{file}"));
        let (shown, _) = ours(&bytes, 8).unwrap();
        let (mean, _) = difference(&shown, &djpeg(&bytes, 8).unwrap());
        assert!(mean < 0.1, "{file}: {mean}");
    }
}

/// The header has zero lines; their number follows the scan (T.81 B.2.5), which libjpeg does not read.
#[test]
fn the_height_may_follow_the_scan() {
    let bytes = read(SEQUENTIAL);
    let mut late = bytes.clone();
    let frame = position_of(&bytes, 0xC0, 0);
    let height = [late[frame + 5], late[frame + 6]];
    late[frame + 5..frame + 7].fill(0);
    let end = late.len() - 2;
    late.splice(end..end, [0xFF, 0xDC, 0, 4, height[0], height[1]]);
    assert_eq!(whole(&late).samples, whole(&bytes).samples);
}
