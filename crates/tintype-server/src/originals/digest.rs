//! Checksums of a body: RFC 9530 `Content-Digest` and `Repr-Digest`, RFC 1864 `Content-MD5`.
//!
//! A client may send any number of them; all with a supported algorithm are verified, and a malformed one is
//! refused rather than ignored, because its sender relies on it. Only the two algorithms that RFC 9530 calls active
//! are supported; the others (md5, sha, crc32c, …) are ignored, as it requires.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};
use tintype_store::{ContentHash, HexId};

/// RFC 8941 section 4.2.7: padding may be missing and its bits need not be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sha256,
    Sha512,
    Md5,
}

impl Algorithm {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
            Self::Md5 => "md5",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Md5 => 16,
        }
    }
}

/// The checksums that a client has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedDigests {
    digests: Vec<(HeaderName, Algorithm, Vec<u8>)>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{header} {reason}")]
pub struct Malformed {
    pub header: HeaderName,
    pub reason: &'static str,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {} of the body does not match {header}", .algorithm.as_str())]
pub struct Mismatch {
    pub header: HeaderName,
    pub algorithm: Algorithm,
}

impl ExpectedDigests {
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut expected = Self::default();
        for header in [CONTENT_DIGEST, REPR_DIGEST] {
            let malformed = |reason| Malformed {
                header: header.clone(),
                reason,
            };
            let mut members = Vec::new();
            for line in headers.get_all(&header) {
                let line = line.to_str().map_err(|_| malformed("is not ASCII"))?;
                dictionary(line, &mut members).map_err(malformed)?;
            }
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                // The last value of a repeated name counts.
                let named = members
                    .iter()
                    .rfind(|(name, _)| *name == algorithm.as_str());
                let Some((_, digest)) = named else { continue };
                if digest.len() != algorithm.bytes() {
                    return Err(malformed("has a digest of the wrong length"));
                }
                expected
                    .digests
                    .push((header.clone(), algorithm, digest.clone()));
            }
        }
        let mut lines = headers.get_all(CONTENT_MD5).iter();
        if let Some(line) = lines.next() {
            let malformed = |reason| Malformed {
                header: CONTENT_MD5,
                reason,
            };
            let digest = BASE64
                .decode(line.as_bytes().trim_ascii())
                .map_err(|_| malformed("is not base64"))?;
            if digest.len() != Algorithm::Md5.bytes() {
                return Err(malformed("has a digest of the wrong length"));
            }
            if lines.next().is_some() {
                return Err(malformed("is repeated"));
            }
            expected.digests.push((CONTENT_MD5, Algorithm::Md5, digest));
        }
        Ok(expected)
    }

    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// A hasher that computes what is needed to verify this, and SHA-256 in any case.
    pub fn hasher(&self) -> Hasher {
        let wants = |wanted| {
            self.digests
                .iter()
                .any(|(_, algorithm, _)| *algorithm == wanted)
        };
        Hasher {
            sha256: Sha256::new(),
            sha512: wants(Algorithm::Sha512).then(Sha512::new),
            md5: wants(Algorithm::Md5).then(Md5::new),
        }
    }

    /// `digests` must come from [`ExpectedDigests::hasher`].
    pub fn verify(&self, digests: &Digests) -> Result<(), Mismatch> {
        for (header, algorithm, expected) in &self.digests {
            let actual = match algorithm {
                Algorithm::Sha256 => Some(digests.sha256.0.as_slice()),
                Algorithm::Sha512 => digests.sha512.as_ref().map(<[u8; 64]>::as_slice),
                Algorithm::Md5 => digests.md5.as_ref().map(<[u8; 16]>::as_slice),
            };
            if actual != Some(expected) {
                return Err(Mismatch {
                    header: header.clone(),
                    algorithm: *algorithm,
                });
            }
        }
        Ok(())
    }
}

/// Hashes a body as it passes.
#[derive(Clone, Debug)]
pub struct Hasher {
    sha256: Sha256,
    sha512: Option<Sha512>,
    md5: Option<Md5>,
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub fn finish(self) -> Digests {
        Digests {
            sha256: HexId(self.sha256.finalize().into()),
            sha512: self.sha512.map(|hasher| hasher.finalize().into()),
            md5: self.md5.map(|hasher| hasher.finalize().into()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    pub sha256: ContentHash,
    pub sha512: Option<[u8; 64]>,
    pub md5: Option<[u8; 16]>,
}

/// The value of `Repr-Digest` in a response.
pub fn repr_digest(sha256: ContentHash) -> String {
    format!("sha-256=:{}:", BASE64.encode(sha256.0))
}

/// Parses a dictionary (RFC 8941 section 4.2.2) whose values are all byte sequences. Parameters are skipped: none
/// is defined for these fields.
fn dictionary<'a>(
    line: &'a str,
    members: &mut Vec<(&'a str, Vec<u8>)>,
) -> Result<(), &'static str> {
    let mut rest = line.trim_matches(' ');
    while !rest.is_empty() {
        let key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c);
        let end = rest.find(|c| !key(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '*') {
            return Err("names no algorithm");
        }
        let value = rest[end..]
            .strip_prefix("=:")
            .ok_or("has a value that is not a byte sequence")?;
        let (encoded, after) = value
            .split_once(':')
            .ok_or("has an unfinished byte sequence")?;
        let digest = BASE64
            .decode(encoded)
            .map_err(|_| "has a value that is not base64")?;
        members.push((name, digest));

        rest = skip_parameters(after)?.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Ok(());
        }
        rest = rest
            .strip_prefix(',')
            .ok_or("has something other than a comma after a digest")?;
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Err("ends with a comma");
        }
    }
    Ok(())
}

fn skip_parameters(text: &str) -> Result<&str, &'static str> {
    if !text.starts_with(';') {
        return Ok(text);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return Ok(&text[at..]),
            _ => {}
        }
    }
    if quoted {
        Err("has an unfinished string")
    } else {
        Ok("")
    }
}

#[cfg(test)]
mod tests {
    //! A checksum is either verified or the request is refused; none is dropped because it is malformed.

    use super::*;

    // `{"hello": "world"}` and a line feed, the example of RFC 9530.
    const BODY: &[u8] = b"{\"hello\": \"world\"}\n";
    const SHA256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const SHA512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
    const MD5: &str = "Dmphc+kt6Wi+qWNOYeiPOg==";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
    }

    fn verify(lines: &[(&'static str, &str)], body: &[u8]) -> Result<(), Mismatch> {
        let expected = ExpectedDigests::from_headers(&headers(lines)).unwrap();
        let mut hasher = expected.hasher();
        body.chunks(7).for_each(|chunk| hasher.update(chunk));
        expected.verify(&hasher.finish())
    }

    #[test]
    fn every_known_checksum_is_verified() {
        for line in [
            ("content-digest", SHA256),
            ("repr-digest", SHA256),
            ("content-digest", SHA512),
            ("content-digest", &format!("{SHA256},  {SHA512}")),
            (
                "content-digest",
                &SHA256.replace("=:", ":").replace("sha-256:", "sha-256=:"),
            ),
            (
                "content-digest",
                &format!("{SHA256};a;b=\"x,y\\\"\", unixsum=:AAA=:"),
            ),
        ] {
            assert_eq!(verify(&[line], BODY), Ok(()), "{line:?}");
            assert!(verify(&[line], b"another body").is_err(), "{line:?}");
        }
        let mismatch = Mismatch {
            header: CONTENT_DIGEST,
            algorithm: Algorithm::Sha512,
        };
        let right_and_wrong = format!("{SHA256}, {}", SHA512.replace("YMA", "YMB"));
        assert_eq!(
            verify(&[("content-digest", &right_and_wrong)], BODY),
            Err(mismatch)
        );
        assert!(
            verify(
                &[
                    ("content-digest", SHA256),
                    ("repr-digest", &SHA256.replace("RK", "RL"))
                ],
                BODY
            )
            .is_err()
        );
        assert_eq!(
            verify(
                &[("content-digest", SHA512), ("content-digest", SHA256)],
                BODY
            ),
            Ok(())
        );
    }

    #[test]
    fn the_old_checksum_is_verified_too() {
        let line = [("content-md5", "lDpwLQbzRZmu4fjajvn3KWAx1pk=")];
        assert!(
            ExpectedDigests::from_headers(&headers(&line)).is_err(),
            "that is a SHA-1"
        );
        assert_eq!(
            verify(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")], b"hello"),
            Ok(())
        );
        let mismatch = Mismatch {
            header: CONTENT_MD5,
            algorithm: Algorithm::Md5,
        };
        assert_eq!(verify(&[("content-md5", MD5)], b"hello"), Err(mismatch));
    }

    #[test]
    fn unknown_algorithms_are_ignored() {
        for line in ["md5=:AAAA:", "sha=:AAAA:, crc32c=:AAAA:", "", "*new=::"] {
            let expected =
                ExpectedDigests::from_headers(&headers(&[("content-digest", line)])).unwrap();
            assert!(expected.is_empty(), "{line:?}");
        }
        assert!(
            ExpectedDigests::from_headers(&HeaderMap::new())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for line in [
            "sha-256",
            "sha-256=",
            "sha-256=abc",
            "sha-256=:abc",
            "sha-256=:a:",
            "sha-256=:AAAA:",
            "sha-256=:$$$$:",
            "SHA-256=:AAAA:",
            "=:AAAA:",
            "a=:AAAA:,",
            "a=:AAAA: b=:AAAA:",
            "a=:AAAA:;x=\"",
            ",",
            "sha-512=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        ] {
            let outcome = ExpectedDigests::from_headers(&headers(&[("content-digest", line)]));
            assert!(outcome.is_err(), "{line:?}");
        }
        assert!(ExpectedDigests::from_headers(&headers(&[("content-md5", "?")])).is_err());
        let twice = [("content-md5", MD5), ("content-md5", MD5)];
        assert!(ExpectedDigests::from_headers(&headers(&twice)).is_err());
    }

    #[test]
    fn a_response_has_its_checksum_in_the_form_of_a_request() {
        let expected = ExpectedDigests::from_headers(&headers(&[("repr-digest", SHA256)])).unwrap();
        let mut hasher = expected.hasher();
        hasher.update(BODY);
        assert_eq!(repr_digest(hasher.finish().sha256), SHA256);
    }
}
