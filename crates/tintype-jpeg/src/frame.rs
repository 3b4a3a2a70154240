//! Frame headers (T.81 B.2.2), scan headers (B.2.3), and the sizes derived from them.

use crate::Error;
use crate::colour::Coding;

/// A frame header.
#[derive(Clone, Debug)]
pub struct FrameHeader {
    pub width: u32,
    pub height: u32,
    pub progressive: bool,
    pub coding: Coding,
    pub(crate) components: Vec<Component>,
    pub(crate) max_h: usize,
    pub(crate) max_v: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors: blocks per MCU.
    pub(crate) h: usize,
    pub(crate) v: usize,
    /// Index of its quantisation table.
    pub(crate) table: usize,
    /// Blocks of the component itself, as in a non-interleaved scan.
    pub(crate) blocks_x: usize,
    pub(crate) blocks_y: usize,
    /// Blocks per row, padded to whole MCUs.
    pub(crate) stride_blocks: usize,
    pub(crate) rows_blocks: usize,
}

impl Component {
    pub(crate) fn new(id: u8, h: usize, v: usize, table: usize) -> Result<Self, Error> {
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) || table > 3 {
            return Err(Error::Malformed("component"));
        }
        Ok(Self {
            id,
            h,
            v,
            table,
            blocks_x: 0,
            blocks_y: 0,
            stride_blocks: 0,
            rows_blocks: 0,
        })
    }
}

impl FrameHeader {
    pub(crate) fn new(progressive: bool, width: u32, mut components: Vec<Component>) -> Self {
        if let [only] = components.as_mut_slice() {
            // The sampling factors of a single component are meaningless (T.81 A.2.2).
            (only.h, only.v) = (1, 1);
        }
        let max_h = components.iter().map(|c| c.h).max().unwrap_or(1);
        let max_v = components.iter().map(|c| c.v).max().unwrap_or(1);
        Self {
            width,
            height: 0,
            progressive,
            coding: Coding::Gray,
            components,
            max_h,
            max_v,
        }
    }

    /// Sets the height, known from the header or after the first scan.
    pub(crate) fn set_height(&mut self, height: u32) {
        self.height = height;
        let (mcus_x, mcus_y) = self.mcus();
        let (width, height) = (self.width as usize, height as usize);
        for c in &mut self.components {
            c.blocks_x = (width * c.h).div_ceil(8 * self.max_h);
            c.blocks_y = (height * c.v).div_ceil(8 * self.max_v);
            c.stride_blocks = mcus_x * c.h;
            c.rows_blocks = mcus_y * c.v;
        }
    }

    pub(crate) fn mcus(&self) -> (usize, usize) {
        let mcu = |pixels: u32, factor: usize| (pixels as usize).div_ceil(8 * factor);
        (mcu(self.width, self.max_h), mcu(self.height, self.max_v))
    }

    /// Columns and rows of MCUs in a scan of these components.
    pub(crate) fn mcus_of(&self, parts: &[ScanPart]) -> (usize, usize) {
        match parts {
            [only] => {
                let component = &self.components[only.component];
                (component.blocks_x, component.blocks_y)
            }
            _ => self.mcus(),
        }
    }

    /// Blocks of each component per MCU of the scan, across and down.
    pub(crate) fn shapes_of(&self, parts: &[ScanPart]) -> Vec<(usize, usize)> {
        match parts {
            [_] => vec![(1, 1)],
            _ => {
                let shape = |part: &ScanPart| {
                    let component = &self.components[part.component];
                    (component.h, component.v)
                };
                parts.iter().map(shape).collect()
            }
        }
    }
}

/// A scan header.
#[derive(Clone, Debug)]
pub(crate) struct ScanHeader {
    pub(crate) parts: Vec<ScanPart>,
    /// Band of coefficients, in zigzag order; for progressive frames.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Successive approximation: the low bits that earlier scans left out (`high`), and that this one leaves out
    /// (`low`).
    pub(crate) high: u32,
    pub(crate) low: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct ScanPart {
    pub(crate) component: usize,
    /// Indices of its Huffman tables.
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}
