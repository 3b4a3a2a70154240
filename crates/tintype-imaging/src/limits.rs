//! Every limit on hostile input, and the deadline.
//!
//! The values leave room for what cameras, scanners and image editors write, and keep the worst accepted file within a
//! few CPU seconds and some hundred megabytes.

use std::io::{BufRead, Read, Seek, SeekFrom};
use std::time::Instant;

use crate::Error;

const MIB: u64 = 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Limits {
    pub max_file_bytes: u64,
    /// Width times height as decoded; a JPEG can be decoded at a reduced size.
    pub max_pixels: u64,
    /// Width times height as declared by the file.
    pub max_declared_pixels: u64,
    /// Whatever the area, no honest image has a longer side.
    pub max_side: u32,
    /// What a decoder may allocate for one image.
    pub max_decoded_bytes: u64,
    /// After decompression.
    pub max_icc_bytes: u64,
    pub max_exif_bytes: u64,
    pub max_xmp_bytes: u64,
    /// One text chunk or comment, as stored.
    pub max_text_bytes: u64,
    /// Chunks or segments without pixels.
    pub max_metadata_parts: u32,
    /// Chunks of pixel data in a PNG.
    pub max_pixel_chunks: u32,
    /// The same for a GIF's data blocks of up to 255 bytes, and for the restart intervals of a JPEG.
    pub max_pixel_blocks: u32,
    /// Scans of one JPEG.
    pub max_scans: u32,
    /// Scans times pixels of one progressive JPEG: each scan may visit every block again.
    pub max_scan_pixels: u64,
    pub max_frames: u32,
    /// Width times height times frames.
    pub max_animation_pixels: u64,
    /// Entries of one TIFF directory, and directories of one file.
    pub max_directory_entries: u32,
    /// Items of one HEIF, and their properties.
    pub max_items: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 256 * MIB,
            max_pixels: 100_000_000,
            max_declared_pixels: 250_000_000,
            max_side: 65_535,
            max_decoded_bytes: 512 * MIB,
            max_icc_bytes: 4 * MIB,
            max_exif_bytes: MIB,
            max_xmp_bytes: 4 * MIB,
            max_text_bytes: MIB,
            max_metadata_parts: 2_000,
            // 256 MiB at 1 KiB each; libpng writes 8 KiB.
            max_pixel_chunks: 250_000,
            // 256 MiB in full blocks, twice.
            max_pixel_blocks: 2_000_000,
            max_scans: 100,
            // The usual ten scans of a 150 MP photograph.
            max_scan_pixels: 1_500_000_000,
            max_frames: 10_000,
            max_animation_pixels: 1_000_000_000,
            max_directory_entries: 1_000,
            // 100 megapixels in tiles of 256 pixels a side, with alpha.
            max_items: 10_000,
        }
    }
}

impl Limits {
    /// For third-party decoders, which do not report how much they wanted.
    pub(crate) fn too_many_decoded_bytes(&self) -> Error {
        Error::OverLimit {
            what: "bytes of the decoded picture",
            is: self.max_decoded_bytes + 1,
            limit: self.max_decoded_bytes,
        }
    }
}

/// Fails once the deadline has passed. Steps check it between pieces of work, because a thread cannot be stopped from
/// outside.
pub(crate) fn check_deadline(deadline: Instant) -> Result<(), Error> {
    if Instant::now() >= deadline {
        return Err(Error::DeadlineExceeded);
    }
    Ok(())
}

/// Stops a third-party decoder, which knows no deadline, by ending its input.
pub(crate) struct DeadlineReader<R> {
    inner: R,
    deadline: Instant,
    /// Bytes until the clock is checked again. Some decoders read byte by byte, and would spend as much time on the
    /// clock as on the image.
    unwatched: usize,
}

const UNWATCHED_BYTES: usize = 4 * 1024;

impl<R> DeadlineReader<R> {
    pub(crate) fn new(inner: R, deadline: Instant) -> Self {
        Self {
            inner,
            deadline,
            unwatched: 0,
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    fn check(&mut self) -> std::io::Result<()> {
        if self.unwatched == 0 {
            check_deadline(self.deadline).map_err(|_| std::io::ErrorKind::TimedOut)?;
            self.unwatched = UNWATCHED_BYTES;
        }
        // Also counts reads at the end of input.
        self.gave(1);
        Ok(())
    }

    fn gave(&mut self, bytes: usize) {
        self.unwatched = self.unwatched.saturating_sub(bytes);
    }
}

impl<R: Read> Read for DeadlineReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.check()?;
        let read = self.inner.read(buffer)?;
        self.gave(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for DeadlineReader<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.check()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.gave(amount);
        self.inner.consume(amount);
    }
}

impl<R: Seek> Seek for DeadlineReader<R> {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(position)
    }

    /// Keeps what is buffered.
    fn seek_relative(&mut self, offset: i64) -> std::io::Result<()> {
        self.inner.seek_relative(offset)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// However small the reads are, and also at the end of input.
    #[test]
    fn a_decoder_gets_little_after_the_deadline() {
        for (len, step) in [(1 << 20, 1), (1 << 20, 64 * 1024), (1, 1)] {
            let bytes = vec![0; len];
            let mut reader =
                DeadlineReader::new(&bytes[..], Instant::now() + Duration::from_secs(60));
            let mut buffer = vec![0; step];
            reader.read_exact(&mut buffer).unwrap();
            reader.deadline = Instant::now();
            let more = (0..=UNWATCHED_BYTES).find(|_| reader.read(&mut buffer).is_err());
            assert!(more.is_some(), "{len} bytes, {step} at a time");
        }
    }
}
