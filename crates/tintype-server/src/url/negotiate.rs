//! Which formats `Accept` names (RFC 9110, section 12.5.1). A cache that varies on this result alone keeps three
//! images per URL, whatever browsers send; a fourth is for clients that name AVIF without WebP.
//!
//! Only a format's own name counts: clients that support neither format send `image/*` and `*/*`. Weights do not
//! choose between formats, as long as they are above zero.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    pub avif: bool,
    pub webp: bool,
}

impl Accepted {
    /// Parses every `Accept` line of a request. A malformed element accepts nothing.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let (mut avif, mut webp) = (FormatMentions::default(), FormatMentions::default());
        for line in lines {
            for element in line.split(|byte| *byte == b',') {
                let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
                let media_type = parts.next().unwrap_or_default();
                let is_accepted = is_accepted(parts);
                if media_type.eq_ignore_ascii_case(b"image/avif") {
                    avif.note(is_accepted);
                } else if media_type.eq_ignore_ascii_case(b"image/webp") {
                    webp.note(is_accepted);
                }
            }
        }
        Self {
            avif: avif.is_accepted(),
            webp: webp.is_accepted(),
        }
    }
}

/// A format named twice is accepted only if no mention refuses it.
#[derive(Default)]
struct FormatMentions {
    accepted: bool,
    refused: bool,
}

impl FormatMentions {
    fn note(&mut self, is_accepted: bool) {
        match is_accepted {
            true => self.accepted = true,
            false => self.refused = true,
        }
    }

    fn is_accepted(&self) -> bool {
        self.accepted && !self.refused
    }
}

/// Whether the weight, if there is one, is well-formed and above zero.
fn is_accepted<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> bool {
    let weight = parameters.find_map(|parameter| match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => Some(weight),
        _ => None,
    });
    match weight {
        None => true,
        Some([b'1']) => true,
        Some([b'1', b'.', zeros @ ..]) => {
            zeros.len() <= 3 && zeros.iter().all(|byte| *byte == b'0')
        }
        Some([b'0', b'.', digits @ ..]) => {
            digits.len() <= 3
                && digits.iter().all(u8::is_ascii_digit)
                && digits.iter().any(|byte| *byte != b'0')
        }
        Some(_) => false,
    }
}
