#!/usr/bin/env python3
"""Writes seeds for the fuzz targets into the given folder: small files of the corpus, and texts."""

import json
import shutil
import sys
from pathlib import Path

MAX_BYTES = 64 * 1024
ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
TIFFS = ROOT / "crates" / "tintype-imaging" / "tests" / "pictures" / "tiff"
VECTORS = ROOT / "tests" / "vectors"

#: Targets that take files of one kind.
OF_ONE_KIND = {
    "animation": {".gif", ".png", ".webp", ".avif", ".avifs"},
    "heif": {".heic", ".heif", ".avif", ".avifs"},
    "jxl": {".jxl"},
    "jp2": {".jp2", ".j2k"},
    "psd": {".psd"},
    "ico": {".ico", ".cur"},
    "svg": {".svg"},
}

ACCEPT = [
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "image/webp;q=0.000,image/avif;q=1.0\nIMAGE/WEBP",
    "*/*",
]
RANGE = ["bytes=0-0", "bytes=-5", "bytes=5-", "bytes=,0-0,", "bytes=0-1,3-4\nbytes=0-"]
FORM = (
    'x\n\x20--x\r\nContent-Disposition: form-data; name="key"\r\n\r\na.jpg\r\n'
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a\\"b.jpg"\r\n'
    "Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--x--\r\n"
)


def main() -> None:
    seeds = Path(sys.argv[1])
    shutil.rmtree(seeds, ignore_errors=True)
    texts_of = ("url", "accept", "range", "multipart")
    for target in ("walks", "jpeg", "render", "tiff", *OF_ONE_KIND, *texts_of):
        (seeds / target).mkdir(parents=True)
    pictures = [path for path in sorted(CORPUS.rglob("*")) if is_seed(path)]
    if len(pictures) < 200:
        sys.exit(f"{len(pictures)} seeds in {CORPUS}, which is too few to be the corpus")
    for number, path in enumerate(pictures):
        name = f"{number:03}-{path.name}"
        content = path.read_bytes()
        (seeds / "walks" / name).write_bytes(content)
        # The last two bytes choose the variant.
        (seeds / "render" / name).write_bytes(content + bytes([100, number % 256]))
        for target, suffixes in OF_ONE_KIND.items():
            if path.suffix.lower() in suffixes:
                (seeds / target / name).write_bytes(content + bytes([100, number % 256]))
        if content.startswith(b"\xff\xd8"):
            (seeds / "jpeg" / name).write_bytes(content)
        if content[:2] in (b"II", b"MM"):
            (seeds / "tiff" / name).write_bytes(content)
    for path in TIFFS.glob("*.tif"):
        shutil.copy(path, seeds / "tiff")
    texts = {
        "url": [*urls()],
        "accept": ACCEPT,
        "range": ["\x10\0\0\0\0\0\0\0" + line for line in RANGE],
        "multipart": [FORM],
    }
    for target, lines in texts.items():
        for number, line in enumerate(lines):
            encoding = "utf-8" if target == "url" else "latin-1"
            (seeds / target / str(number)).write_bytes(line.encode(encoding))


def is_seed(path: Path) -> bool:
    return (
        path.is_file()
        and path.suffix not in {".tsv", ".md", ".gz"}
        and path.stat().st_size <= MAX_BYTES
    )


def urls() -> list[str]:
    canonical = json.loads((VECTORS / "canonical.json").read_text())
    signatures = json.loads((VECTORS / "signatures.json").read_text())
    texts = [case["received"] for case in canonical["specs"] + canonical["refused"]]
    return texts + [case["path"] for case in signatures["cases"]]


main()
