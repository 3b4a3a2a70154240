"""Compares thumbnails of the whole corpus with those of another implementation.

Usage: check.py TINTYPE [--sheets FOLDER]

The reference is libvips or, for formats that its wheel cannot read, Pillow: both shrink the
original to 320 pixels, upright and in sRGB. Colours that only numbers describe, such as HDR, are
converted by the formulas of their standards, which libvips does not know. Size and transparency
have to agree, and colours by the mean and the 99th percentile of CIE deltaE 2000. Both images are
blurred by one pixel first, because resizing kernels differ at edges. References are made in the
same run, so none can be outdated.

`--sheets` writes each pair that is compared, and its difference, side by side.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import formulas
import pillow_heif
import pyvips
from PIL import Image, ImageCms, ImageOps

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
FOLDERS = ("photos", "formats", "colour", "orientation", "metadata", "reported")
WIDTH = 320
#: Only the width counts.
THUMBNAIL: dict[str, Any] = {
    "height": 10_000_000,
    "size": "down",
    "output_profile": "srgb",
    "intent": "relative",
}

#: Mean and 99th percentile. The larger ones are for originals outside 8-bit RGB.
LIMITS = (1.0, 4.0)
WIDE = (2.0, 6.0)
#: Lines and letters, which two kernels draw differently along every edge.
LINES = (1.0, 8.0)

#: Fewer than the corpus has, so that a walk that finds nothing cannot pass.
LEAST_COMPARED = 350

#: Originals that the reference shows differently, with the reason. Only their size is compared.
DIFFERENT = {
    "formats/border_touching_layers.gif": "libvips fills what the first frame leaves out",
    "formats/fox.profile0.8bpc.yuv420.monochrome.avif": "libvips reads limited range as full",
    "formats/made-pyramid-tiled.tif": "libvips takes a smaller page of the pyramid",
    "formats/minisblack-2c-8b-alpha.tiff": "libvips enlarges transparent pixels' gray",
    "formats/bmp_v5_with_icc.ico": "Pillow takes the profile for the mask",
    "formats/multiple_entries_with_different_bit_depth.ico": "Pillow takes another entry",
    "formats/tiff.tif": "one pixel, which the file does not hold",
    "reported/bmp32-v5-alphamask-all-zero.bmp": "Pillow shows nothing of it",
}
LINE_ART = ("formats/G31D_MULTI.TIF", "reported/scan-1bit.png", "reported/shot-palette.png")
#: In a wide colour space that only its own chunk names, or subsampled.
OTHER_WIDE = ("colour/made-cicp-p3.png", "reported/webp-alphaflag-no-alph.webp")


@dataclass
class Result:
    name: str
    #: Not if one of the two refuses the original.
    compared: bool = False
    mean: float = 0.0
    p99: float = 0.0
    faults: tuple[str, ...] = ()


def by_libvips(path: Path) -> pyvips.Image:
    if path.suffix.lower() in (".svg", ".svgz"):
        # A thumbnail of it is drawn larger and resized, which blurs its edges.
        own = pyvips.Image.new_from_file(str(path))
        return pyvips.Image.new_from_file(str(path), scale=WIDTH / own.width).copy_memory()
    return pyvips.Image.thumbnail(str(path), WIDTH, **THUMBNAIL).copy_memory()


def by_formula(path: Path) -> pyvips.Image:
    description = formulas.description(path.read_bytes())
    if description is None:
        raise ValueError("has a profile, or is plain sRGB")
    image = pyvips.Image.new_from_file(str(path))
    is_deep = image.format == "ushort"
    # libvips shifts the samples of HEIF to the left.
    unused = 16 - image.get("heif-bitdepth") if image.get_typeof("heif-bitdepth") else 0
    maximum = (65535 >> unused) << unused if is_deep else 255
    samples = image.colourspace("rgb16" if is_deep else "srgb")
    if not samples.hasalpha():
        samples = samples.bandjoin(maximum)
    converted = formulas.to_srgb(samples.numpy() / maximum, description)
    image = pyvips.Image.new_from_array((converted * 255).round().astype("uint8"))
    image = image.copy(interpretation="srgb").thumbnail_image(WIDTH, **THUMBNAIL)
    return image.copy_memory()


def by_pillow(path: Path) -> pyvips.Image:
    with Image.open(path) as opened:
        profile = opened.info.get("icc_profile")
        image = ImageOps.exif_transpose(opened)
        if profile and image.mode == "RGB":
            srgb = ImageCms.createProfile("sRGB")
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(image, source, srgb) or image
        image = image.convert("RGBA")
    if image.width > WIDTH:
        height = max(1, round(image.height * WIDTH / image.width))
        image = image.resize((WIDTH, height), Image.Resampling.LANCZOS)
    pixels = pyvips.Image.new_from_memory(image.tobytes(), image.width, image.height, 4, "uchar")
    return pixels.copy(interpretation="srgb")


def reference(path: Path) -> pyvips.Image | None:
    for make in (by_formula, by_libvips, by_pillow):
        try:
            return make(path)
        except (pyvips.Error, OSError, ValueError, SyntaxError, ImageCms.PyCMSError):
            continue
    return None


def flat(image: pyvips.Image) -> pyvips.Image:
    image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=[128, 128, 128])
    return image.cast("uchar")


def shows_through(image: pyvips.Image) -> bool:
    return image.hasalpha() and image[image.bands - 1].min() < 255


def compare(tintype: str, sheets: Path | None, path: Path) -> Result:
    name = str(path.relative_to(CORPUS))
    result = Result(name)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "ours.png"
        command = [tintype, "render", str(path), str(out), "--spec", f"w_{WIDTH}"]
        rendered = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        theirs = reference(path) if rendered.returncode == 0 else None
        if theirs is None:
            return result
        ours = pyvips.Image.new_from_file(str(out)).copy_memory()
    result.compared = True
    if max(abs(ours.width - theirs.width), abs(ours.height - theirs.height)) > 1:
        sizes = f"{ours.width}x{ours.height} instead of {theirs.width}x{theirs.height}"
        result.faults += (sizes,)
        return result
    if "icc-profile-data" in ours.get_fields():
        result.faults += ("has a profile",)
    # The two may round half a pixel differently.
    width, height = min(ours.width, theirs.width), min(ours.height, theirs.height)
    ours, theirs = ours.crop(0, 0, width, height), theirs.crop(0, 0, width, height)
    a, b = flat(ours), flat(theirs)
    blurred = [image.gaussblur(1).colourspace("lab") for image in (a, b)]
    difference = blurred[0].dE00(blurred[1])
    result.mean = difference.avg()
    result.p99 = (difference * 100).cast("ushort").percent(99) / 100
    if sheets:
        shown = (difference * 16).cast("uchar").bandjoin([(difference * 16).cast("uchar")] * 2)
        sheet = a.join(b, "horizontal").join(shown.copy(interpretation="srgb"), "horizontal")
        sheet.write_to_file(str(sheets / f"{name.replace('/', '__')}.png"))
    if name in DIFFERENT:
        return result
    if shows_through(ours) != shows_through(theirs):
        result.faults += ("transparency differs",)
    mean, p99 = limits(path)
    if result.mean > mean or result.p99 > p99:
        result.faults += (f"deltaE {result.mean:.2f} in the mean, {result.p99:.2f} at 99 %",)
    return result


def limits(path: Path) -> tuple[float, float]:
    """The stricter ones are for 8-bit RGB and gray without a profile of their own."""
    name = str(path.relative_to(CORPUS))
    if name in LINE_ART:
        return LINES
    if path.suffix.lower() in (".heic", ".heif", ".avif", ".avifs") or name in OTHER_WIDE:
        # Chroma at half resolution is enlarged in different ways.
        return WIDE
    try:
        header = pyvips.Image.new_from_file(str(path))
    except pyvips.Error:
        return LIMITS
    is_plain = header.format == "uchar" and header.interpretation in ("srgb", "b-w")
    has_profile = "icc-profile-data" in header.get_fields()
    is_small = header.width <= 64
    return LIMITS if is_plain and not has_profile and not is_small else WIDE


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares thumbnails of the corpus.")
    parser.add_argument("tintype")
    parser.add_argument("--sheets", type=Path)
    arguments = parser.parse_args()
    if arguments.sheets:
        arguments.sheets.mkdir(parents=True, exist_ok=True)
    pillow_heif.register_heif_opener()
    folders = [CORPUS / folder for folder in FOLDERS]
    files = sorted(file for folder in folders for file in folder.iterdir() if file.is_file())
    work = partial(compare, arguments.tintype, arguments.sheets)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(work, files))
    compared = [result for result in results if result.compared]
    faulty = [result for result in compared if result.faults]
    for result in faulty:
        print(f"{result.name}: {', '.join(result.faults)}")
    unknown = DIFFERENT.keys() - {result.name for result in compared}
    for name in sorted(unknown):
        print(f"{name}: was not compared, though it is listed here")
    plain = [result for result in compared if result.name not in DIFFERENT]
    mean = sum(result.mean for result in plain) / max(1, len(plain))
    print(f"{len(compared)} of {len(files)} files compared, {len(DIFFERENT)} of them by size only")
    print(f"deltaE 2000: {mean:.2f} in the mean of all")
    if len(compared) < LEAST_COMPARED:
        print(f"at least {LEAST_COMPARED} have to be compared")
        return 1
    return 1 if faulty or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
