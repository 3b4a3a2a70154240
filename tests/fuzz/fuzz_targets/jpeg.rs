//! The JPEG decoder at each of its scales, alone and together; and the encoder, whose output must decode without
//! damage.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tintype_jpeg::{
    BaseTables, Chroma, Colour, Decoder, Encoding, Limits, Picture, Samples, Sampling, Scale,
};

const LIMITS: Limits = Limits {
    max_pixels: 1_000_000,
    max_scans: 20,
};

fuzz_target!(|bytes: &[u8]| {
    for scale in (1..=8).map(Scale::eighths) {
        if let Ok(picture) = tintype_jpeg::decode(bytes, scale, &LIMITS, &|| true) {
            let pixels = picture.width as usize * picture.height as usize;
            assert_eq!(picture.samples.len(), pixels * picture.colour.channels());
            if scale == Scale::EIGHTH {
                check_encoding(&picture, bytes.len());
            }
        }
    }
    check_scales(bytes);
});

/// Decoding several scales together yields the same pixels as each alone, unless the file is damaged.
fn check_scales(bytes: &[u8]) {
    let scales = [Scale::EIGHTH, Scale::eighths(3), Scale::FULL];
    let outputs = scales.map(|scale| (scale, Chroma::Scaled));
    let together = Decoder::at_scales(bytes, &outputs, &LIMITS);
    let Ok((together, false)) = together.map(|decoder| samples(decoder, scales.len())) else {
        return;
    };
    for (scale, together) in scales.into_iter().zip(together) {
        let alone = Decoder::new(bytes, scale, Chroma::Scaled, &LIMITS);
        let alone = alone.map(|decoder| samples(decoder, 1));
        assert!(matches!(alone, Ok((alone, false)) if alone == [together]));
    }
}

/// Returns the samples of each output, and whether the file is damaged.
fn samples(mut decoder: Decoder<'_>, outputs: usize) -> (Vec<Vec<u8>>, bool) {
    let mut samples = vec![Vec::new(); outputs];
    while decoder.advance() {
        for (output, samples) in samples.iter_mut().enumerate() {
            for component in 0..decoder.sizes(output).len() {
                samples.extend(decoder.stripe(output, component).samples);
            }
        }
    }
    (samples, decoder.is_damaged())
}

/// Encoded files decode without damage, to the same image in one scan and in several.
fn check_encoding(picture: &Picture, seed: usize) {
    let samples = match picture.colour {
        Colour::Gray => Samples::Gray(&picture.samples),
        Colour::Rgb => Samples::Rgb(&picture.samples),
        Colour::Cmyk => return,
    };
    let shown = |progressive: bool| {
        let encoding = Encoding {
            quality: (seed % 100) as u8 + 1,
            tables: if seed % 3 == 0 {
                BaseTables::Standard
            } else {
                BaseTables::MsSsim
            },
            sampling: if seed % 2 == 0 {
                Sampling::Full
            } else {
                Sampling::Quarter
            },
            progressive,
            segments: &[],
        };
        let (width, height) = (picture.width, picture.height);
        let file = tintype_jpeg::encode(samples, width, height, &encoding).unwrap();
        let again = tintype_jpeg::decode(&file, Scale::FULL, &LIMITS, &|| true).unwrap();
        assert!(!again.damaged);
        assert_eq!((again.width, again.height), (width, height));
        again.samples
    };
    assert_eq!(shown(false), shown(true));
}
