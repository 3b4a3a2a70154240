"""The peer of benches/render.rs: makes the same thumbnails with libvips.

Reads jobs from standard input, one per line, tab-separated: file, width, suffix, quality,
repetitions. Prints the CPU milliseconds (user and system) of each repetition, separated by spaces.
Needs pyvips:

    python3 -m venv target/vips && target/vips/bin/pip install pyvips pyvips-binary
"""

import os
import sys
import time

os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips

pyvips.cache_set_max(0)
print(".".join(str(pyvips.version(part)) for part in range(3)), flush=True)

for line in sys.stdin:
    path, width, suffix, quality, times = line.rstrip("\n").split("\t")
    with open(path, "rb") as file:
        source = file.read()
    # Set only if the source has a profile: otherwise libvips would convert sRGB to sRGB.
    profile = pyvips.Image.new_from_buffer(source, "").get_typeof("icc-profile-data")
    convert = {"output_profile": "srgb"} if profile else {}
    options = {} if suffix == ".png" else {"Q": int(quality)}
    if suffix == ".webp":
        # The effort that tintype uses.
        options["effort"] = 2
    if suffix == ".png":
        options["compression"] = 1
    spent = []
    for _ in range(int(times)):
        start = time.process_time()
        picture = pyvips.Image.thumbnail_buffer(
            source, int(width), height=10_000_000, size="down", **convert
        )
        picture.write_to_buffer(suffix, keep="none", **options)
        spent.append(1000 * (time.process_time() - start))
    print(" ".join(f"{ms:.2f}" for ms in spent), flush=True)
