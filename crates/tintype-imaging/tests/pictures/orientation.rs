//! Images are output upright, whichever format defines their orientation.

use crate::corpus::{files, header, picture, read};

/// The generated images have a red box at the top left and a blue box at the bottom right.
#[test]
fn red_is_top_left_and_blue_bottom_right() {
    let made = files("orientation").into_iter().filter(|file| {
        let decodable = [".tif", ".webp", ".jpg", ".png", ".avif"]
            .iter()
            .any(|end| file.ends_with(end));
        file.contains("/made-") && decodable
    });
    let mut seen = 0;
    for file in made {
        let bytes = read(&file);
        let upright = header(&bytes).unwrap().upright();
        assert_eq!((upright.width, upright.height), (320, 200), "{file}");
        let picture = picture(&bytes, 320).unwrap();
        let [r, g, b, _] = picture.at(8, 8);
        assert!(
            r > 180 && g < 90 && b < 90,
            "{file}: top left is {r},{g},{b}"
        );
        let [r, g, b, _] = picture.at(311, 191);
        assert!(
            b > 150 && r < 100 && g < 110,
            "{file}: bottom right is {r},{g},{b}"
        );
        seen += 1;
    }
    assert_eq!(seen, 20, "eight TIFF, eight WebP and four AVIF");
}

/// The landscape and portrait sets contain the same scene in each of the eight orientations.
#[test]
fn the_same_scene_in_all_eight_ways_looks_the_same() {
    for (set, seen) in [("Landscape", 8), ("Portrait", 8)] {
        let pictures: Vec<_> = (1..=seen)
            .map(|n| picture(&read(&format!("orientation/{set}_{n}.jpg")), 120).unwrap())
            .collect();
        for (n, other) in pictures.iter().enumerate() {
            let difference = pictures[0].difference(other);
            // The scenes show their number, so they are not quite equal.
            assert!(difference < 8.0, "{set}_{}: {difference:.1}", n + 1);
        }
    }
}

/// Seven images of other scenes: what counts is which side is longer when upright.
#[test]
fn png_says_how_it_lies() {
    for n in 2..=8 {
        let header = header(&read(&format!("orientation/png-orientation-{n}.png"))).unwrap();
        assert_eq!(header.orientation, n);
        assert_eq!(
            header.upright().width > header.upright().height,
            n < 5,
            "{n}"
        );
    }
}
