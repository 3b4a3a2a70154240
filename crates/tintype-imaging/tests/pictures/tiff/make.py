#!/usr/bin/env python3
"""Write the small TIFFs beside it: codings that the tests cannot write themselves.

Needs numpy, Pillow and imagecodecs with tifffile. All show what `colour` in ../tiff.rs
gives, or where it is above one half in red.
"""

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, TiffImagePlugin

HERE = Path(__file__).parent
WIDTH, HEIGHT = 37, 29


def main() -> None:
    across = np.tile(np.arange(WIDTH) / (WIDTH - 1), (HEIGHT, 1))
    down = np.tile(np.arange(HEIGHT) / (HEIGHT - 1), (WIDTH, 1)).T
    colour = np.dstack([across, down, (across + 1 - down) / 2])
    colour = np.floor(colour * 255 + 0.5).astype("u1")
    for coding in ("zstd", "lzma", "webp", "jpeg"):
        options = {"level": 99, "outcolorspace": "rgb"} if coding == "jpeg" else {}
        options = {"lossless": True} if coding == "webp" else options
        tifffile.imwrite(
            HERE / f"{coding}.tif",
            colour,
            photometric="rgb",
            compression=coding,
            compressionargs=options,
            subsampling=(1, 1),
            tile=(16, 32),
            metadata=None,
        )
    # The half that is drawn is not straight, so that rows differ from those above.
    drawn = Image.fromarray((across + down / 4) > 0.5).convert("1")
    for name, coding, options in (
        ("group3", "group3", 0),
        ("group3-2d", "group3", 5),
        ("group4", "group4", 0),
        ("runs", "tiff_ccitt", None),
    ):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        if options is not None:
            tags[292 if coding == "group3" else 293] = options
        drawn.save(HERE / f"{name}.tif", compression=coding, tiffinfo=tags)


if __name__ == "__main__":
    main()
