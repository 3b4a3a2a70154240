"""CPU and memory for a thumbnail of each input format, compared with libvips, or with Pillow for
formats that its wheel cannot read (HEIC by libde265, JPEG 2000 by OpenJPEG).

    python benches/formats.py target/dist/tintype ../shared/corpus

Needs `pip install pyvips pyvips-binary pillow pillow-heif`. Each thumbnail is 320 pixels wide,
JPEG. CPU is user and system time: of tintype a new process, with the decoder that it starts for
AVIF, less that of a tiny image; of the peer its second rendering. Memory is the peak of resident
pages, less that of a process that renders nothing. Rounds alternate, and medians are compared.
"""

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROUNDS = 5
WIDTH = 320

FILES = (
    ("JPEG", "photos/phone12mp_baseline.jpg", "libvips"),
    ("JPEG, progressive", "photos/tower_progressive.jpg", "libvips"),
    ("JPEG, CMYK", "formats/ycck.jpg", "libvips"),
    ("PNG", "formats/kodim23.png", "libvips"),
    ("PNG, interlaced", "formats/made-interlaced.png", "libvips"),
    ("WebP", "formats/4.webp", "libvips"),
    ("WebP, lossless", "formats/3_webp_ll.webp", "libvips"),
    ("GIF", "formats/moon_impact.gif", "libvips"),
    ("TIFF, 16 bits", "formats/rgb-3c-16b.tiff", "libvips"),
    ("TIFF, CMYK", "formats/cmyk-4c-8b.tiff", "libvips"),
    ("TIFF, fax", "formats/G31D.TIF", "libvips"),
    ("AVIF", "formats/kimono.avif", "libvips"),
    ("AVIF, 10 bits", "formats/fox.profile0.10bpc.yuv420.avif", "libvips"),
    ("HEIC", "formats/IMG_5195.HEIC", "Pillow"),
    ("HEIC, a grid", "formats/example.heic", "Pillow"),
    ("JPEG 2000", "formats/relax.jp2", "Pillow"),
    ("SVG", "formats/Commons-logo.svg", "libvips"),
    ("JPEG XL", "formats/bicycles.jxl", None),
    ("PSD", "formats/purple-square.psd", None),
)


class Cost(NamedTuple):
    cpu_ms: float
    peak_mib: float


def run(command: list[str], folder: str) -> tuple[Cost, str]:
    """Runs to the end; the cost includes all processes that it starts."""
    with Path(folder, "printed").open("w+b") as printed:
        child = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        printed.seek(0)
        text = printed.read().decode()
    return Cost(1000 * (used.ru_utime + used.ru_stime), used.ru_maxrss / 1024), text


def ours(tintype: str, file: Path, folder: str) -> Cost:
    command = [tintype, "render", str(file), f"{folder}/out.jpg", "--spec", f"w_{WIDTH}"]
    return run(command, folder)[0]


def theirs(reader: str, file: Path | None, folder: str) -> Cost:
    """Python takes long to start, so the peer measures its own CPU."""
    command = [sys.executable, __file__, "--peer", reader, str(file or "")]
    cost, printed = run(command, folder)
    return Cost(float(printed), cost.peak_mib)


def peer(reader: str, file: str) -> None:
    os.environ["VIPS_CONCURRENCY"] = "1"
    render = by_pillow() if reader == "Pillow" else by_libvips()
    spent = 0.0
    if file:
        source = Path(file).read_bytes()
        # The first time, libraries set themselves up.
        render(source)
        start = time.process_time()
        render(source)
        spent = time.process_time() - start
    print(1000 * spent)


def by_libvips():
    import pyvips

    pyvips.cache_set_max(0)

    def render(source: bytes) -> None:
        profile = pyvips.Image.new_from_buffer(source, "").get_typeof("icc-profile-data")
        convert = {"output_profile": "srgb"} if profile else {}
        image = pyvips.Image.thumbnail_buffer(
            source, WIDTH, height=10_000_000, size="down", **convert
        )
        image.write_to_buffer(".jpg", Q=80, keep="none")

    return render


def by_pillow():
    import pillow_heif
    from PIL import Image

    pillow_heif.register_heif_opener()

    def render(source: bytes) -> None:
        image = Image.open(io.BytesIO(source)).convert("RGB")
        image.thumbnail((WIDTH, 10_000), Image.Resampling.LANCZOS)
        image.save(io.BytesIO(), "JPEG", quality=80)

    return render


def less(cost: Cost, base: Cost) -> Cost:
    return Cost(cost.cpu_ms - base.cpu_ms, max(0.0, cost.peak_mib - base.peak_mib))


def median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(part) for part in zip(*costs, strict=True)))


def main() -> None:
    tintype, corpus = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        tiny = corpus / "colour/p3.png"
        base = median([ours(tintype, tiny, folder) for _ in range(ROUNDS)])
        bases = {
            reader: median([theirs(reader, None, folder) for _ in range(ROUNDS)])
            for reader in ("libvips", "Pillow")
        }
        print("| input | file | ms | MiB | peer | ms | MiB | CPU | memory |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, file, reader in FILES:
            path, own, other = corpus / file, [], []
            for _ in range(ROUNDS):
                own.append(ours(tintype, path, folder))
                if reader:
                    other.append(theirs(reader, path, folder))
            mine = less(median(own), base)
            row = f"| {name} | `{path.name}` | {mine.cpu_ms:.1f} | {mine.peak_mib:.1f} "
            if reader:
                peers = less(median(other), bases[reader])
                row += f"| {reader} | {peers.cpu_ms:.1f} | {peers.peak_mib:.1f} "
                row += f"| {mine.cpu_ms / peers.cpu_ms:.2f} "
                row += f"| {mine.peak_mib / max(peers.peak_mib, 0.1):.2f} |"
            else:
                row += "| - | | | | |"
            print(row, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(*sys.argv[2:4])
    else:
        main()
