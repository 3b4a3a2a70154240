//! Photoshop: the flattened image is at the end, after the metadata and the layers (Adobe Photoshop File Formats
//! Specification, 2019). PSB is the same with longer length fields.

use std::io::{BufRead, Seek};

use super::read::ContainerReader;
use super::{ColourSpace, Colouring, Header, MetadataBlocks};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

/// The sections before the image data.
pub(crate) struct Psd {
    pub(crate) mode: Mode,
    pub(crate) bits: u16,
    pub(crate) channels: u16,
    pub(crate) is_large: bool,
    pub(crate) size: Size,
    /// All red values of 256 colours, then green, then blue.
    pub(crate) palette: Vec<u8>,
    /// The first channel after the colours is alpha.
    has_alpha: bool,
    /// Offset of the image data.
    pub(crate) data: u64,
    blocks: MetadataBlocks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Bitmap,
    Gray,
    Indexed,
    Rgb,
    Cmyk,
}

impl Mode {
    pub(crate) const fn colours(self) -> u16 {
        match self {
            Self::Bitmap | Self::Gray | Self::Indexed => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

impl Psd {
    pub(crate) fn read<R: BufRead + Seek>(
        reader: &mut ContainerReader<R>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        reader.seek(4)?;
        let version = reader.be16()?;
        reader.skip(6)?;
        let channels = reader.be16()?;
        let (height, width) = (reader.be32()?, reader.be32()?);
        let bits = reader.be16()?;
        let mode = match reader.be16()? {
            0 => Mode::Bitmap,
            // Duotones are stored as gray.
            1 | 8 => Mode::Gray,
            2 => Mode::Indexed,
            3 => Mode::Rgb,
            4 => Mode::Cmyk,
            9 => return Err(Error::unsupported("PSD in Lab")),
            _ => return Err(Error::unsupported("PSD in this mode")),
        };
        let is_usual = match mode {
            Mode::Bitmap => bits == 1,
            Mode::Indexed => bits == 8,
            _ => matches!(bits, 8 | 16),
        };
        if !is_usual {
            return Err(Error::unsupported(format!("PSD of {bits} bits")));
        }
        if !(1..=2).contains(&version) || !(mode.colours()..=56).contains(&channels) {
            return Err(Error::malformed("no PSD"));
        }
        let mut psd = Self {
            mode,
            bits,
            channels,
            is_large: version == 2,
            size: Size::new(width, height),
            palette: Vec::new(),
            has_alpha: false,
            data: 0,
            blocks: MetadataBlocks::default(),
        };
        let length = u64::from(reader.be32()?);
        let colours = reader.position() + length;
        if mode == Mode::Indexed {
            Error::check("bytes of the palette", length, 768)?;
            psd.palette = reader.vec(length)?;
        }
        move_to(reader, colours)?;
        let length = u64::from(reader.be32()?);
        let resources = reader.position() + length;
        psd.resources(reader, resources, limits)?;
        move_to(reader, resources)?;
        let length = psd.length(reader)?;
        let layers = reader.position().saturating_add(length);
        if length > 8 && psd.length(reader)? > 2 {
            let count = reader.be16()?.cast_signed();
            psd.has_alpha = count < 0 && channels > mode.colours();
        }
        move_to(reader, layers)?;
        psd.data = reader.position();
        Ok(psd)
    }

    fn length<R: BufRead + Seek>(&self, reader: &mut ContainerReader<R>) -> Result<u64, Error> {
        Ok(match self.is_large {
            true => u64::from_be_bytes(reader.array()?),
            false => u64::from(reader.be32()?),
        })
    }

    fn resources<R: BufRead + Seek>(
        &mut self,
        reader: &mut ContainerReader<R>,
        end: u64,
        limits: &Limits,
    ) -> Result<(), Error> {
        let mut parts = 0;
        while reader.position() + 12 <= end {
            parts += 1;
            let what = "image resources";
            Error::check(what, parts, u64::from(limits.max_metadata_parts))?;
            let kind = reader.array::<4>()?;
            let id = reader.be16()?;
            let name = u64::from(reader.byte()?);
            // The name includes its length byte and is padded to an even length.
            reader.skip(name + (name + 1) % 2)?;
            let length = u64::from(reader.be32()?);
            let next = reader.position() + length + length % 2;
            if &kind != b"8BIM" {
                break;
            }
            match id {
                1028 => {
                    Error::check("bytes of IPTC", length, limits.max_exif_bytes)?;
                    let iptc = reader.vec(length)?;
                    let head = [
                        b"8BIM\x04\x04\0\0".as_slice(),
                        &(length as u32).to_be_bytes(),
                    ];
                    self.blocks.photoshop = Some([&head.concat(), &iptc[..]].concat());
                }
                1039 => {
                    let what = "bytes of the colour profile";
                    Error::check(what, length, limits.max_icc_bytes)?;
                    self.blocks.icc = Some(reader.vec(length)?);
                }
                1058 => {
                    Error::check("bytes of EXIF", length, limits.max_exif_bytes)?;
                    self.blocks.exif = Some(reader.vec(length)?);
                }
                1060 => {
                    Error::check("bytes of XMP", length, limits.max_xmp_bytes)?;
                    self.blocks.xmp = Some(reader.vec(length)?);
                }
                _ => {}
            }
            move_to(reader, next)?;
        }
        Ok(())
    }

    /// Whether the decoder returns alpha.
    pub(crate) fn has_alpha(&self) -> bool {
        self.has_alpha && matches!(self.mode, Mode::Gray | Mode::Rgb)
    }
}

fn move_to<R: BufRead + Seek>(reader: &mut ContainerReader<R>, position: u64) -> Result<(), Error> {
    if position > reader.length() {
        return Err(Error::malformed("it ends too early"));
    }
    reader.seek(position)
}

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let psd = Psd::read(reader, limits)?;
    header.size = psd.size;
    header.has_alpha = psd.has_alpha();
    header.colour_space = match psd.mode {
        Mode::Bitmap | Mode::Gray => ColourSpace::Gray,
        Mode::Indexed | Mode::Rgb => ColourSpace::Rgb,
        Mode::Cmyk => ColourSpace::Cmyk,
    };
    header.bits = match (psd.mode, psd.bits) {
        (Mode::Gray | Mode::Rgb, 16) => 16,
        _ => 8,
    };
    Ok((psd.blocks, Colouring::Profile))
}
