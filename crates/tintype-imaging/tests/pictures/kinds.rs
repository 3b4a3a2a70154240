//! What a house has besides: JPEG XL, JPEG 2000, Photoshop's flattened picture, icons and cursors.

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::spec::{Format, Size};
use tintype_imaging::{Error, PIXELS, render};

use crate::corpus::{Picture, files, header, read, read_png, soon, to_width, whole};

fn shown(bytes: &[u8]) -> Result<Picture, Error> {
    Ok(read_png(&to_width(bytes, u32::MAX, Format::Png)?.bytes))
}

#[test]
#[ignore = "writes pictures for a comparison by hand"]
fn write_all() {
    let to = std::path::PathBuf::from(std::env::var_os("TINTYPE_TEST_WRITES").unwrap());
    for folder in ["formats", "hostile"] {
        for file in files(folder) {
            let is_ours = [
                ".jxl", ".jp2", ".j2k", ".psd", ".ico", ".svg", ".svgz", ".cur",
            ]
            .iter()
            .any(|end| file.ends_with(end));
            if !is_ours {
                continue;
            }
            let bytes = read(&file);
            let start = std::time::Instant::now();
            match to_width(&bytes, u32::MAX, Format::Png) {
                Ok(rendered) => {
                    println!(
                        "{file}: {:?} {:?}",
                        header(&bytes).unwrap(),
                        start.elapsed()
                    );
                    let name = file.replace('/', "__");
                    std::fs::write(to.join(format!("{name}.png")), rendered.bytes).unwrap();
                }
                Err(error) => {
                    println!("{file}: {error} {:?} {:?}", header(&bytes), start.elapsed())
                }
            }
        }
    }
}
