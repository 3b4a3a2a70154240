//! Signatures of delivery URLs: the first 16 bytes of HMAC-SHA256 over `t/{key}/{spec}` in decoded UTF-8, as
//! base64url without padding.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use tintype_store::Key;

const SIGNATURE_BYTES: usize = 16;

/// A secret key. Its `Debug` does not reveal it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Shorter keys could be guessed from a single signed URL.
    pub const MIN_CHARACTERS: usize = 32;

    /// The key is the UTF-8 bytes of the text, even if the text looks like hex or base64.
    pub fn parse(text: &str) -> Option<Self> {
        let is_long = text.chars().count() >= Self::MIN_CHARACTERS;
        is_long.then(|| Self(text.as_bytes().to_vec()))
    }

    fn mac(&self, text: &str) -> [u8; SIGNATURE_BYTES] {
        let digest = self.hmac(text.as_bytes());
        std::array::from_fn(|at| digest[at])
    }

    /// The full HMAC, for signing anything but URLs.
    pub fn hmac(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature([u8; SIGNATURE_BYTES]);

impl Signature {
    /// Accepts exactly one text per signature: padding and stray bits in the last character are refused.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// The text that is signed for an original and a spec (without its signature).
pub fn signed_text(key: &Key, spec: &str) -> String {
    format!("t/{}/{spec}", key.as_str())
}

pub fn sign(key: &SigningKey, signed_text: &str) -> Signature {
    Signature(key.mac(signed_text))
}

/// Whether any of the keys made the signature. Timing reveals neither which key nor how much of the signature was
/// right.
pub fn verify(keys: &[SigningKey], signed_text: &str, signature: &Signature) -> bool {
    let mut found = Choice::from(0);
    for key in keys {
        found |= key.mac(signed_text).ct_eq(&signature.0);
    }
    found.into()
}
