//! Paths, specs and signatures: a parsed URL is formatted and parsed again to the same value, and a signature only
//! matches its own key.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the service uses the rest")]

#[path = "../../../crates/tintype-server/src/url/mod.rs"]
mod url;

use libfuzzer_sys::fuzz_target;
use url::{SigningKey, parse_original_path, parse_path, parse_spec, sign, verify};

fuzz_target!(|text: &str| {
    if let Ok(spec) = parse_spec(text) {
        let written = spec.to_string();
        assert_eq!(parse_spec(&written).as_ref(), Ok(&spec), "{written}");
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let _ = parse_original_path(path, query);
    let Ok(parsed) = parse_path(path, query) else {
        return;
    };
    let keys = ["0123456789abcdef0123456789abcdef"].map(SigningKey::parse);
    let keys = keys.map(|key| key.expect("it is long enough"));
    let right = sign(&keys[0], &parsed.signed_text);
    assert!(verify(&keys, &parsed.signed_text, &right));
    if let Some(signature) = &parsed.spec.signature {
        let is_right = verify(&keys, &parsed.signed_text, signature);
        assert_eq!(is_right, *signature == right);
    }
    // Each request has one canonical spelling, which is not redirected again.
    let canonical = parsed.canonical_path(Some(&keys[0]));
    let again = parse_path(&canonical, None).expect("what is written can be read");
    assert_eq!(again.spelling, url::Spelling::Canonical, "{canonical}");
    assert_eq!(again.key, parsed.key);
    let signature = again.spec.signature.as_ref().expect("it was signed");
    assert!(verify(&keys, &again.signed_text, signature), "{canonical}");
});
