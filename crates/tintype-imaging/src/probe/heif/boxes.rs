//! Boxes of ISO base media files (ISO/IEC 14496-12, section 4.2) in memory, and their fields.

use crate::Error;

/// The four-character code of a box, item or reference.
pub(crate) type FourCc = [u8; 4];

/// Reads consecutive fields.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| Error::malformed("a box ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads a big-endian number of 0 to 8 bytes.
    pub(crate) fn number(&mut self, length: usize) -> Result<u64, Error> {
        let bytes = self.take(length)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.number(1)? as u8)
    }

    pub(crate) fn be16(&mut self) -> Result<u16, Error> {
        Ok(self.number(2)? as u16)
    }

    pub(crate) fn be32(&mut self) -> Result<u32, Error> {
        Ok(self.number(4)? as u32)
    }

    pub(super) fn kind(&mut self) -> Result<FourCc, Error> {
        Ok(self.be32()?.to_be_bytes())
    }

    /// Reads the version and flags of a full box.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Error> {
        Ok((self.byte()?, self.number(3)? as u32))
    }

    /// Reads a zero-terminated string.
    pub(super) fn text(&mut self) -> Result<&'a [u8], Error> {
        let end = memchr::memchr(0, self.0);
        let text = self.take(end.unwrap_or(self.0.len()))?;
        self.take(usize::from(end.is_some()))?;
        Ok(text)
    }
}

/// Iterates over consecutive boxes: kind and content.
pub(crate) struct Boxes<'a>(Fields<'a>);

pub(crate) const fn boxes(content: &[u8]) -> Boxes<'_> {
    Boxes(Fields::new(content))
}

impl<'a> Boxes<'a> {
    fn one(&mut self) -> Result<(FourCc, &'a [u8]), Error> {
        let fields = &mut self.0;
        let (short, kind) = (fields.be32()?, fields.kind()?);
        let content = match short {
            0 => fields.rest().len() as u64,
            1 => fields.number(8)?.saturating_sub(16),
            2..8 => return Err(Error::malformed("a box is shorter than its header")),
            length => u64::from(length) - 8,
        };
        let content = usize::try_from(content).unwrap_or(usize::MAX);
        Ok((kind, fields.take(content)?))
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<(FourCc, &'a [u8]), Error>;

    /// Stops after the first error.
    fn next(&mut self) -> Option<Self::Item> {
        // Some writers pad with zeros.
        if self.0.rest().len() < 8 {
            return None;
        }
        let one = self.one();
        if one.is_err() {
            self.0 = Fields::new(&[]);
        }
        Some(one)
    }
}

/// Returns the content of the first box of this kind.
pub(super) fn find(content: &[u8], wanted: FourCc) -> Option<&[u8]> {
    let mut found = boxes(content).filter_map(Result::ok);
    found.find_map(|(kind, content)| (kind == wanted).then_some(content))
}
