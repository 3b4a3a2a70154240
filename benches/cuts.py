"""Makes a contact sheet of crops: each image whole, then in three shapes, each centred and smart.

    python benches/cuts.py target/release/tintype ../shared/corpus/photos sheet.png

Needs pyvips (`pip install "pyvips[binary]"`). Files that cannot be rendered are left out.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pyvips

WHOLE = "w_240~h_180~fit_pad~bg_808080~f_png"
CUTS = [
    f"w_{width}~h_{height}~fit_cover~g_{gravity}~bg_808080~f_png"
    for width, height in ((180, 180), (90, 180), (240, 80))
    for gravity in ("c", "smart")
]


def main() -> None:
    binary, folder, sheet = sys.argv[1:]
    cells = []
    with tempfile.TemporaryDirectory() as scratch:
        for original in sorted(Path(folder).iterdir()):
            row = []
            for spec in (WHOLE, *CUTS):
                picture = Path(scratch, f"{len(cells)}-{len(row)}.png")
                command = [binary, "render", str(original), str(picture), "--spec", spec]
                if subprocess.run(command, check=False, capture_output=True).returncode:
                    break
                image = pyvips.Image.new_from_file(str(picture)).colourspace("srgb")
                image = image.flatten() if image.hasalpha() else image
                row.append(image.gravity("centre", 240, 180, extend="white").copy_memory())
            else:
                cells += row
                print(len(cells) // len(row), original.name)
    if not cells:
        sys.exit("nothing could be rendered")
    pyvips.Image.arrayjoin(cells, across=1 + len(CUTS), shim=6, background=255).write_to_file(sheet)


if __name__ == "__main__":
    main()
