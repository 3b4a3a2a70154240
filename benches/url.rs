//! The cost of a URL before any lookup: parsing, canonical form, verification.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, or ends"
)]

use std::hint::black_box;
use std::time::Instant;

use tintype_server::url::{
    Access, Originals, SigningKey, Spelling, Unsigned, authorise, parse_path, parse_spec,
};
use tintype_store::Key;

const CALLS: u32 = 200_000;
const ROUNDS: usize = 5;

fn main() {
    let signing_key = SigningKey::parse("a-signing-key-for-benches-only-00001").unwrap();
    let old_key = SigningKey::parse("an-old-signing-key-for-benches-00001").unwrap();
    let key = Key::parse("photos/2016/grüße-from-the-lion.jpg").unwrap();
    let spec = parse_spec("w_640~h_480~fit_cover~g_0.35x0.6~dpr_2~f_webp").unwrap();
    let path = tintype_server::url::signed_path(&key, spec, &signing_key);
    // The matching key is the second one: in the middle of a rotation.
    let keys = [old_key, signing_key];
    println!("{path}");

    bench("parse", || parse_path(black_box(&path), None).unwrap());
    let parsed = parse_path(&path, None).unwrap();
    assert_eq!(parsed.spelling, Spelling::Canonical);
    bench("verify, two keys", || {
        authorise(
            black_box(&parsed),
            &keys,
            Unsigned::None,
            Originals::Signed,
            0,
        )
        .unwrap()
    });
    bench("both", || {
        let parsed = parse_path(black_box(&path), None).unwrap();
        let access = authorise(&parsed, &keys, Unsigned::None, Originals::Signed, 0).unwrap();
        assert!(matches!(access, Access::Signed));
        parsed
    });
}

fn bench<T>(name: &str, mut call: impl FnMut() -> T) {
    let best = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..CALLS {
                black_box(call());
            }
            began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        })
        .min_by(f64::total_cmp)
        .unwrap();
    println!("{name:20} {best:8.0} ns");
}
