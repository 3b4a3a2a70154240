"""Checks with exiftool the metadata of variants of originals that are full of it.

Usage: check.py TINTYPE

Each field of the rights survives in every output format, whichever block of the original contains
it. Locations, serial numbers, owners, maker notes and thumbnails do not, neither of these originals
nor of the corpus.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"

FORMATS = ("jpg", "png", "webp", "avif")

#: Tags of the rights under exiftool's names. XMP has all of them.
XMP = {
    "XMP-dc:Creator": ["Ada Example", "Bo & Co <Example>"],
    "XMP-dc:Rights": "© Example Press",
    "XMP-photoshop:Credit": "Ada Example/Example Press",
    "XMP-photoshop:Source": "Example Archive",
    "XMP-xmpRights:Marked": True,
    "XMP-xmpRights:Owner": "Example Press",
    "XMP-xmpRights:UsageTerms": "Once, in print",
    "XMP-xmpRights:WebStatement": "https://example.org/licence?a=1&b=2",
    "XMP-plus:LicensorName": "Example Archive",
    "XMP-plus:LicensorURL": "https://example.org/buy",
    "XMP-iptcExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
}
IPTC = {
    "IPTC:By-line": ["Ada Example", "Bo Example"],
    "IPTC:CopyrightNotice": "© Example Press",
    "IPTC:Credit": "Example Press",
    "IPTC:Source": "Example Archive",
}
EXIF = {"EXIF:Artist": "Ada Example", "EXIF:Copyright": "© Example Press"}

#: The XMP tags in which variants have the values of older blocks.
IN_XMP = {
    "IPTC:By-line": "XMP-dc:Creator",
    "IPTC:CopyrightNotice": "XMP-dc:Rights",
    "IPTC:Credit": "XMP-photoshop:Credit",
    "IPTC:Source": "XMP-photoshop:Source",
    "EXIF:Artist": "XMP-dc:Creator",
    "EXIF:Copyright": "XMP-dc:Rights",
}

#: Tags that no variant may contain. Exiftool writes those that a format can hold.
PRIVATE = {
    "EXIF:GPSLatitude": "48.2",
    "EXIF:GPSLatitudeRef": "N",
    "EXIF:GPSLongitude": "16.37",
    "EXIF:GPSLongitudeRef": "E",
    "EXIF:GPSAltitude": "171",
    "EXIF:GPSDateStamp": "2026:01:02",
    "EXIF:SerialNumber": "SECRET-1",
    "EXIF:LensSerialNumber": "SECRET-2",
    "EXIF:OwnerName": "SECRET Owner",
    "EXIF:ImageUniqueID": "0123456789abcdef0123456789abcdef",
    "EXIF:UserComment": "SECRET comment",
    "EXIF:Make": "SECRET Cameras",
    "IPTC:City": "SECRET City",
    "IPTC:Sub-location": "SECRET Street",
    "IPTC:Country-PrimaryLocationName": "SECRET Country",
    "XMP-exif:GPSLatitude": "48.2",
    "XMP-exif:GPSLongitude": "16.37",
    "XMP-exifEX:SerialNumber": "SECRET-3",
    "XMP-exifEX:OwnerName": "SECRET Owner",
    "XMP-aux:SerialNumber": "SECRET-4",
    "XMP-aux:LensSerialNumber": "SECRET-5",
    "XMP-aux:OwnerName": "SECRET Owner",
    "XMP-photoshop:City": "SECRET City",
    "XMP-photoshop:Country": "SECRET Country",
    "XMP-iptcCore:Location": "SECRET Street",
    "XMP-iptcCore:CreatorWorkEmail": "secret@example.org",
    "XMP-iptcCore:CreatorWorkTelephone": "SECRET 555",
    "XMP-iptcCore:CreatorAddress": "SECRET Street",
    "XMP-iptcExt:LocationShownCity": "SECRET City",
    "XMP-iptcExt:PersonInImage": "SECRET Person",
}

#: Names of tags, in any group, that reveal location, equipment or owner.
FORBIDDEN = re.compile(
    "GPS|Geo[^m]|Latitude|Longitude|Location|City|Country|State$|Province|Serial|Owner(?!$)|OwnerName|"
    "Unique|DocumentID|InstanceID|Thumbnail|Preview|JpgFromRaw|MakerNote|UserComment|^Make$|^Model$|"
    "Lens|Software|HostComputer|Creator(City|Work|Address|Postal)|PersonInImage|Email|Phone"
)

#: Blocks that must be gone entirely.
FORBIDDEN_GROUPS = ("GPS", "MakerNotes", "IFD1", "Canon", "Nikon", "Sony", "Apple", "Photoshop")


def main() -> int:
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = dict(originals(folder))
        found = sorted((CORPUS / "metadata").iterdir())
        assert len(made) >= 10 and len(found) >= 20, (len(made), len(found))
        rendered = render(binary, folder, [*(folder / name for name in made), *found])
        problems = list(judge(folder, rendered, made))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(rendered)} pictures of {len(made) + len(found)} originals: {len(problems)} faults")
    return 1 if problems else 0


def originals(folder: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Writes originals; returns their names and the tags that their variants must have."""
    base = {
        "jpg": CORPUS / "photos" / "tower.jpg",
        "png": CORPUS / "formats" / "basn2c16.png",
        "webp": CORPUS / "formats" / "1.webp",
        "tif": CORPUS / "formats" / "12bit.cropped.rgb.tiff",
        "avif": CORPUS / "formats" / "fox.profile0.8bpc.yuv420.avif",
        "heic": CORPUS / "formats" / "example.heic",
    }
    thumbnail = folder / "thumbnail"
    thumbnail.write_bytes((CORPUS / "photos" / "tower_grayscale.jpg").read_bytes()[:20_000])
    blocks = {"xmp": XMP, "iptc": IPTC, "exif": EXIF, "all": {**EXIF, **IPTC, **XMP}}
    calls = []
    for extension, source in base.items():
        for block, rights in blocks.items():
            # Most formats cannot hold IPTC.
            if block == "iptc" and extension not in ("jpg", "tif"):
                continue
            path = folder / f"made-{block}.{extension}"
            path.write_bytes(source.read_bytes())
            arguments = ["-q", "-q", "-m", "-overwrite_original"]
            calls.append([*arguments, "-all=", str(path)])
            written = [*assignments({**PRIVATE, **rights})]
            if extension == "jpg":
                written.append(f"-ThumbnailImage<={thumbnail}")
            calls.append([*arguments, "-codedcharacterset=UTF8", *written, str(path)])
            yield path.name, expected(rights if block != "all" else XMP)
    exiftool(calls)
    told = read([folder / "made-all.jpg"])["made-all.jpg"]
    for name in ("GPSLatitude", "SerialNumber", "OwnerName", "City", "ThumbnailImage"):
        assert any(tag.endswith(f":{name}") for tag in told), f"exiftool has not written {name}"


def assignments(tags: dict[str, object]) -> Iterator[str]:
    for name, value in tags.items():
        for part in value if isinstance(value, list) else [value]:
            yield f"-{name}={part}"


def expected(rights: dict[str, object]) -> dict[str, object]:
    return {IN_XMP.get(name, name): value for name, value in rights.items()}


def render(binary: Path, folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Returns the original of each variant."""
    rendered: dict[str, str] = {}

    def one(path: Path) -> None:
        for extension in FORMATS if path.parent == folder else FORMATS[:1]:
            out = folder / f"{path.name}.out.{extension}"
            command = [binary, "render", path, out, "--spec", "w_64"]
            done = subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True)
            if done.returncode == 0:
                rendered[out.name] = path.name
            elif path.parent == folder:
                sys.exit(f"{path.name} as {extension}: {done.stderr}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, files))
    return rendered


def judge(
    folder: Path, rendered: dict[str, str], made: dict[str, dict[str, object]]
) -> Iterator[str]:
    told = read(folder / name for name in rendered)
    for name, original in sorted(rendered.items()):
        tags = told[name]
        for tag, value in tags.items():
            if is_forbidden(tag) or "SECRET" in str(value):
                yield f"{name}: {tag} is {value!r}"
        for tag, value in made.get(original, {}).items():
            if tags.get(tag) != value:
                yield f"{name}: {tag} is {tags.get(tag)!r}, not {value!r}"


def is_forbidden(tag: str) -> bool:
    group, _, name = tag.rpartition(":")
    return group in FORBIDDEN_GROUPS or bool(FORBIDDEN.search(name))


def read(files: Iterable[Path]) -> dict[str, dict[str, object]]:
    """Returns all tags of each file by group and name, except those of the file system."""
    arguments = ["-json", "-G1", "-a", "-b", "--System:all", "-api", "struct=0"]
    answers = json.loads(exiftool([[*arguments, *map(str, files)]]) or "[]")
    return {Path(answer.pop("SourceFile")).name: answer for answer in answers}


def exiftool(calls: list[list[str]]) -> str:
    """Makes all calls in one process, because starting it takes longer than reading a file."""
    lines = [line for call in calls for line in [*call, "-execute"]]
    done = subprocess.run(
        ["exiftool", "-@", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True
    )
    faults = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    # It reads truncated files as far as they go.
    if not done.stdout and faults:
        sys.exit("\n".join(faults))
    return done.stdout.replace("{ready}\n", "")


if __name__ == "__main__":
    sys.exit(main())
