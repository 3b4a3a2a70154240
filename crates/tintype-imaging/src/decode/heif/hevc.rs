//! HEVC: decodes the slices of one picture.

use std::time::Instant;

use heifer_hevc_dec::Error as Coded;
use heifer_hevc_dec::nal::NalUnit;
use heifer_hevc_dec::params::ParameterSets;
use heifer_hevc_dec::recon::Reconstructor;
use heifer_hevc_dec::slice::SliceHeader;
use heifer_hevc_dec::syntax::{Picture, decode_slice_segment};

use super::frame::{YuvFrame, YuvPlanes};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::heif::{Fields, Hevc};
use crate::spec::Size;

/// `most`: the maximum number of pixels.
pub(super) fn decode(
    data: &[u8],
    config: &Hevc,
    most: u64,
    deadline: Instant,
) -> Result<YuvFrame, Error> {
    let mut sets = ParameterSets::default();
    for unit in &config.units {
        add(&mut sets, unit)?;
    }
    let mut slices = Vec::new();
    let mut fields = Fields::new(data);
    while !fields.rest().is_empty() {
        let length = fields.number(config.length_bytes)?;
        let unit = fields.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let parsed = NalUnit::parse(unit).map_err(failed)?;
        // Other layers are other views.
        if parsed.header.layer_id > 0 {
            continue;
        }
        if !parsed.header.unit_type.is_slice() {
            if slices.is_empty() {
                add(&mut sets, unit)?;
            }
            continue;
        }
        // The next picture begins here.
        let is_first = parsed.rbsp.first().is_some_and(|byte| byte & 0x80 != 0);
        if is_first && !slices.is_empty() {
            break;
        }
        slices.push(parsed);
    }
    let (mut state, mut before) = (None, None);
    for slice in &slices {
        check_deadline(deadline)?;
        let header = SliceHeader::parse(&slice.rbsp, &slice.header, &sets, before.as_ref());
        let header = header.map_err(failed)?;
        let id = usize::from(header.slice_pic_parameter_set_id);
        let (pps, sps) = sets.get(id).map_err(failed)?;
        let pixels =
            u64::from(sps.pic_width_in_luma_samples) * u64::from(sps.pic_height_in_luma_samples);
        if pixels > most {
            return Err(Error::malformed("it is larger than it declares"));
        }
        let (picture, recon) =
            state.get_or_insert_with(|| (Picture::new(sps, pps), Reconstructor::new(sps, pps)));
        recon.start_slice(&header);
        let first = header.slice_qp_y(&sets).map_err(failed)?;
        let data = slice.rbsp.get(header.header_size..).unwrap_or_default();
        decode_slice_segment(picture, &header, first, data, recon).map_err(failed)?;
        if let Some(error) = recon.error.take() {
            return Err(failed(error));
        }
        // A few bytes can encode a slice that covers the whole picture once more.
        if picture.decoded_ctbs > picture.layout.width * picture.layout.height {
            return Err(Error::malformed("HEVC slices overlap"));
        }
        if !header.dependent_slice_segment_flag {
            before = Some(header);
        }
    }
    let Some((picture, recon)) = state.filter(|(picture, _)| picture.is_complete()) else {
        return Err(Error::malformed("HEVC slices are missing"));
    };
    let sps = picture.sps;
    let window = Window::of(sps.conf_win_offsets, sps.chroma_subsampling());
    let primaries = sps.vui.as_ref().map_or(2, |vui| vui.colour_primaries);
    let coded = recon.finish(false);
    if coded.chroma_format > 0 && coded.bit_depth[0] != coded.bit_depth[1] {
        return Err(Error::unsupported(
            "HEVC with different luma and chroma depths",
        ));
    }
    let whole = Size::new(coded.widths[0], coded.heights[0]);
    let size = window.of_whole(whole)?;
    Ok(YuvFrame {
        size,
        bits: u32::from(coded.bit_depth[0]),
        chroma: match coded.chroma_format {
            0 => None,
            1 => Some((2, 2)),
            2 => Some((2, 1)),
            _ => Some((1, 1)),
        },
        matrix: coded.matrix_coeffs,
        primaries,
        full_range: coded.full_range,
        planes: YuvPlanes::Hevc {
            left: window.left,
            top: window.top,
            frame: coded,
        },
    })
}

fn add(sets: &mut ParameterSets, unit: &[u8]) -> Result<(), Error> {
    let unit = NalUnit::parse(unit).map_err(failed)?;
    if unit.header.layer_id == 0 {
        sets.add(&unit).map_err(failed)?;
    }
    Ok(())
}

/// The visible area of a coded picture, in luma samples.
struct Window {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Window {
    fn of([left, right, top, bottom]: [u32; 4], (across, down): (u32, u32)) -> Self {
        Self {
            left: left.saturating_mul(across),
            right: right.saturating_mul(across),
            top: top.saturating_mul(down),
            bottom: bottom.saturating_mul(down),
        }
    }

    fn of_whole(&self, whole: Size) -> Result<Size, Error> {
        let side = |whole: u32, before: u32, after: u32| {
            let left = whole.checked_sub(before)?.checked_sub(after)?;
            (left > 0).then_some(left)
        };
        let width = side(whole.width, self.left, self.right);
        let height = side(whole.height, self.top, self.bottom);
        match (width, height) {
            (Some(width), Some(height)) => Ok(Size::new(width, height)),
            _ => Err(Error::malformed("it shows nothing")),
        }
    }
}

fn failed(error: Coded) -> Error {
    match error {
        Coded::Unimplemented(what) => Error::unsupported(format!("HEVC with {what}")),
        other => Error::malformed(format!("HEVC: {other}")),
    }
}
