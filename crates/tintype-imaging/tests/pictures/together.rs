//! Variants rendered together have the same bytes as alone, for any format and size: otherwise a response would depend on
//! what else is requested at the same time.

use tintype_imaging::limits::Limits;
use tintype_imaging::render::render_all;
use tintype_imaging::spec::{Format, Gamut, Resolved, Rotate, Size};

use crate::corpus::{files, header, read, soon, whole};

/// A quarter turn of one, a cut of another, one in wide colours, one of averaged light, and one as it is.
fn several(upright: Size) -> Vec<Resolved> {
    let sized = |divisor: u32, format| {
        let size = Size::new(
            (upright.width / divisor).max(1),
            (upright.height / divisor).max(1),
        );
        whole(upright, size, format)
    };
    let turned = Resolved {
        rotate: Rotate::Quarter,
        ..sized(9, Format::Webp)
    };
    let mut cut = sized(5, Format::Jpeg);
    cut.crop.width = cut.crop.width.div_ceil(2);
    cut.crop.height = cut.crop.height.div_ceil(3);
    let wide = Resolved {
        gamut: Gamut::P3,
        ..sized(4, Format::Webp)
    };
    let linear = Resolved {
        linear: true,
        ..sized(6, Format::Jpeg)
    };
    vec![
        wide,
        linear,
        sized(16, Format::Jpeg),
        sized(7, Format::Jpeg),
        turned,
        sized(3, Format::Png),
        cut,
        sized(1, Format::Jpeg),
    ]
}

fn check(folder: &str) -> usize {
    let mut checked = 0;
    for file in files(folder) {
        let bytes = read(&file);
        let Ok(header) = header(&bytes) else { continue };
        // Every variant is rendered twice.
        if header.size.pixels() > 500_000 {
            continue;
        }
        let limits = Limits::default();
        let wanted = several(header.upright());
        let together = render_all(&bytes, &wanted, &limits, soon());
        assert_eq!(together.len(), wanted.len());
        for (resolved, together) in wanted.iter().zip(together) {
            let alone = tintype_imaging::render::render(&bytes, resolved, &limits, soon());
            let bytes_of = |rendered: &tintype_imaging::render::Rendered| rendered.bytes.clone();
            assert_eq!(
                together.as_ref().map(bytes_of).map_err(ToString::to_string),
                alone.as_ref().map(bytes_of).map_err(ToString::to_string),
                "{file}: {resolved:?}"
            );
        }
        checked += 1;
    }
    println!("{folder}: {checked}");
    checked
}

#[test]
fn what_is_made_together_has_the_bytes_that_it_has_alone() {
    assert!(check("photos") >= 3);
    assert!(check("formats") >= 50);
    assert!(check("reported") >= 20);
}
