//! `tintype render`: renders one image from file to file, with the service's own pixel code.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::limits::Limits;
use tintype_imaging::spec::Format;
use tintype_imaging::{probe, render};
use tintype_server::url::{FormatItem, Presets, parse_spec};

use super::load_for_tools;
use crate::failure::Failure;

/// A minute is enough for anything within the limits.
const DEADLINE: Duration = Duration::from_secs(60);

/// Render an image from file to file.
///
/// Uses the same code, limits and qualities as the service. The format is that of the spec (f_webp), or else the
/// extension of OUT.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype render lion.jpg lion-640.webp --spec w_640
  tintype render lion.jpg square.jpg --spec w_300~h_300~fit_cover~g_n~q_70")]
pub(crate) struct Arguments {
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// The spec, as in a URL
    #[arg(long, default_value = "f_auto")]
    spec: String,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let spec = parse_spec(&self.spec).map_err(|error| usage(&error))?;
        let merged = spec
            .with_preset(&Presets::default())
            .map_err(|error| usage(&error))?;
        let format = match merged.format {
            FormatItem::Image(format) => format,
            _ => format_of(&self.output).ok_or_else(|| {
                usage(
                    &"OUT must end in .jpg, .png, .webp, .avif or .gif, or the spec must name a format",
                )
            })?,
        };
        let config = load_for_tools()?;
        let limits = Limits {
            max_pixels: config.pictures.max_pixels,
            max_declared_pixels: config.pictures.max_declared_pixels,
            ..Limits::default()
        };
        let bytes = std::fs::read(&self.input)
            .with_context(|| format!("{} cannot be read", self.input.display()))?;
        let deadline = Instant::now() + DEADLINE;
        let header = probe::header(std::io::Cursor::new(&bytes), &limits, deadline)?;
        let defaults = Defaults {
            format,
            quality: config.pictures.quality.of(format),
            focal: None,
            frames: if header.format.moves() {
                header.frames
            } else {
                1
            },
        };
        let resolved = geometry::resolve(header.upright(), &merged.request, &defaults)
            .map_err(|error| usage(&error))?;
        let resolved = config.pictures.complete(resolved, header.upright());
        let rendered = render::render(&bytes, &resolved, &limits, deadline)?;
        std::fs::write(&self.output, &rendered.bytes)
            .with_context(|| format!("{} cannot be written", self.output.display()))?;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (size, timings) = (rendered.size, rendered.timings);
        super::answer(&format!(
            "{}x{}, {} bytes (decode {:.1} ms, resize {:.1} ms, encode {:.1} ms)",
            size.width,
            size.height,
            rendered.bytes.len(),
            ms(timings.decode),
            ms(timings.resize),
            ms(timings.encode),
        ))
    }
}

fn format_of(path: &std::path::Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Format::ALL
        .into_iter()
        .find(|format| format.extensions().contains(&&*extension))
}
