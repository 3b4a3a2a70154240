//! Invisible colours stay invisible: they neither bleed into their surroundings nor turn black.

use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::spec::{Background, Format, Rgba, Size};

use crate::corpus::{Picture, read_png, soon, whole};

/// Green in the middle, surrounded by fully transparent magenta.
fn hidden_magenta() -> Vec<u8> {
    let mut samples = Vec::new();
    for y in 0..90 {
        for x in 0..90 {
            let inside = (30..60).contains(&x) && (30..60).contains(&y);
            samples.extend(if inside {
                [0, 200, 0, 255]
            } else {
                [255, 0, 255, 0]
            });
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 90, 90);
    encoder.set_color(png::ColorType::Rgba);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&samples)
        .unwrap();
    bytes
}

fn rendered(format: Format, background: Option<Rgba>) -> Vec<u8> {
    let mut resolved = whole(Size::new(90, 90), Size::new(25, 25), format);
    resolved.background = background.map(Background::Colour);
    render::render(&hidden_magenta(), &resolved, &Limits::default(), soon())
        .unwrap()
        .bytes
}

fn no_magenta(picture: &Picture) {
    for pixel in picture.rgba.chunks_exact(4).filter(|pixel| pixel[3] > 8) {
        assert!(pixel[0] < 30 && pixel[2] < 30, "{pixel:?}");
    }
}

#[test]
fn invisible_colour_does_not_bleed() {
    let picture = read_png(&rendered(Format::Png, None));
    assert_eq!(picture.at(0, 0)[3], 0);
    assert_eq!(picture.at(12, 12), [0, 200, 0, 255]);
    no_magenta(&picture);
}

#[test]
fn a_format_without_alpha_shows_white_or_the_background() {
    let black = Rgba {
        r: 0,
        g: 0,
        b: 0,
        a: 255,
    };
    let flat = read_png(&rendered(Format::Png, Some(black)));
    assert_eq!(flat.at(0, 0), [0, 0, 0, 255]);
    no_magenta(&flat);
    let jpeg = rendered(Format::Jpeg, None);
    let shown = crate::corpus::picture(&jpeg, 25).unwrap();
    assert!(
        shown.at(0, 0)[..3].iter().all(|&sample| sample > 245),
        "{:?}",
        shown.at(0, 0)
    );
}
