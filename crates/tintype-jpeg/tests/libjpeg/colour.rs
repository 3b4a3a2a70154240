//! The meaning of components is decided once, before the first scan, as in libjpeg: by JFIF, then by Adobe's transform
//! flag wherever its marker is, then by the component identifiers.

use crate::djpeg::{difference, djpeg, ours, read, run};

/// Gradients of all colours.
fn picture(gray_component: &str) -> Vec<u8> {
    let mut pnm = b"P6\n128 96\n255\n".to_vec();
    for y in 0..96u32 {
        for x in 0..128u32 {
            pnm.extend([(2 * x) as u8, (255 * y / 96) as u8, (255 - x - y) as u8]);
        }
    }
    run(
        "cjpeg",
        &["-quality", "90", "-sample", gray_component],
        &pnm,
    )
    .unwrap()
}

const ADOBE: [u8; 14] = *b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00";

struct Markers {
    jfif: bool,
    adobe: Option<u8>,
    ids: [u8; 3],
    /// Puts Adobe's marker directly before the scan.
    late: bool,
}

/// Replaces the colour markers of the same coded data.
fn with(bytes: &[u8], markers: &Markers) -> Vec<u8> {
    let mut adobe = Vec::new();
    if let Some(transform) = markers.adobe {
        adobe.extend(ADOBE);
        adobe.extend([0, transform]);
    }
    let mut out = bytes[..2].to_vec();
    if !markers.late {
        out.extend(&adobe);
    }
    let mut at = 2;
    loop {
        let length = 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        let mut segment = bytes[at..at + length].to_vec();
        at += length;
        match segment[1] {
            0xE0 if !markers.jfif => continue,
            0xC0 => (0..3).for_each(|index| segment[10 + 3 * index] = markers.ids[index]),
            0xDA => (0..3).for_each(|index| segment[5 + 2 * index] = markers.ids[index]),
            _ => {}
        }
        let is_scan = segment[1] == 0xDA;
        if is_scan && markers.late {
            out.extend(&adobe);
        }
        out.extend(segment);
        if is_scan {
            out.extend(&bytes[at..]);
            return out;
        }
    }
}

#[test]
fn all_words_about_colour_mean_what_libjpeg_takes_them_for() {
    let mut combinations = 0;
    let coded = picture("1x1");
    for jfif in [true, false] {
        for adobe in [None, Some(0), Some(1), Some(2)] {
            for ids in [[1, 2, 3], *b"RGB"] {
                for late in [false, true] {
                    let markers = Markers {
                        jfif,
                        adobe,
                        ids,
                        late,
                    };
                    let bytes = with(&coded, &markers);
                    for eighths in [1, 2, 4, 8] {
                        let (ours, damaged) = ours(&bytes, eighths).unwrap();
                        let reference = djpeg(&bytes, eighths).unwrap();
                        let (mean, largest) = difference(&ours, &reference);
                        let most = if eighths == 8 { 3 } else { 12 };
                        assert!(
                            !damaged && mean < 1.0 && largest <= most,
                            "{jfif} {adobe:?} {ids:?} {late} {eighths}: {mean}, {largest}"
                        );
                    }
                }
                combinations += 1;
            }
        }
    }
    assert_eq!(combinations, 16);
}

/// Covers every kind of subsampling.
#[test]
fn chroma_is_where_libjpeg_has_it() {
    for sampling in [
        "1x1",
        "2x1",
        "1x2",
        "2x2",
        "4x1",
        "1x4",
        "4x2",
        "2x1,1x1,2x1",
        "1x1,2x2,1x1",
    ] {
        let bytes = picture(sampling);
        for eighths in [1, 2, 4, 8] {
            let (ours, _) = ours(&bytes, eighths).unwrap();
            let reference = djpeg(&bytes, eighths).unwrap();
            let (mean, largest) = difference(&ours, &reference);
            let most = if eighths == 8 { 3 } else { 12 };
            println!("{sampling} {eighths}/8: {mean:.2}, {largest}");
            assert!(
                mean < 2.0 && largest <= most,
                "{sampling} {eighths}: {mean}, {largest}"
            );
        }
    }
}

/// Every decoder assumes inverted inks; djpeg writes them to PNM that way. A thumbnail's marker does not apply to the
/// main image.
#[test]
fn inks_without_a_marker_are_inverted() {
    for file in [
        "cmyk-inverted-no-adobe-marker.jpg",
        "cmyk-no-marker-thumb-has.jpg",
    ] {
        let bytes = read(&format!("reported/{file}"));
        let (ours, _) = ours(&bytes, 8).unwrap();
        let (mean, largest) = difference(&ours, &djpeg(&bytes, 8).unwrap());
        assert!(mean < 0.2 && largest <= 4, "{file}: {mean}, {largest}");
    }
}
