"""Whether an image can be shown, and the message for an editor if not.

The service decides: its response to an upload says why an image is stored and cannot be shown. What
the file itself reveals is checked by the same rules before it is uploaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django.core.files import File
from django.template.defaultfilters import filesizeformat
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from ..api.trouble import Trouble, format_of, media_type

if TYPE_CHECKING:
    from ..api.limits import Limits

#: Bytes that are enough to recognise a format.
HEAD_BYTES: Final = 4096

_NAMES: Final = {
    "bmp": "BMP",
    "ico": "ICO",
    "jp2": "JPEG 2000",
    "jxl": "JPEG XL",
    "psd": "Photoshop",
    "webp": "WebP",
}
_MAGIC: Final = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"BM", "bmp"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"8BPS", "psd"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\0\0\0\x0cJXL ", "jxl"),
    (0, b"\0\0\0\x0cjP  ", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
    (0, b"\0\0\1\0", "ico"),
    (0, b"%PDF-", "pdf"),
)
_AVIF: Final = {b"avif", b"avis"}
#: Brands of HEIC, and brands that leave open how the image is coded.
_HEIC: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF: Final = {b"mif1", b"mif2", b"mif3", b"msf1", b"miaf"}


def find_trouble(file: File[Any], limits: Limits | None) -> Trouble | None:
    """Judges by the first bytes, and by the header if Pillow is installed. Leaves the file at its
    start. None may also mean that nothing is known."""
    format = sniffed(file)
    size = file.size
    if limits and size is not None and size > limits.max_upload_bytes:
        return Trouble("too-large", format, limit=limits.max_upload_bytes)
    if format and limits and not limits.allows(media_type(format)):
        return Trouble("type-not-allowed", format)
    if format and limits and media_type(format) not in limits.renderable:
        return Trouble("unsupported-format", format)
    pixels = _pixels(file)
    if limits and pixels and pixels > limits.max_pixels_of(format):
        return Trouble("too-many-pixels", format, pixels, limits.max_pixels_of(format))
    return None


def find_trouble_with_pillow(file: Any) -> Trouble | None:
    """Sets `image` and `content_type` on the file, like Django's own field."""
    try:
        from PIL import Image
    except ImportError:
        return None
    format = sniffed(file)
    try:
        image = Image.open(file)
        image.verify()
        file.image, file.content_type = image, Image.MIME.get(image.format or "")
    except Exception:
        # Unknown to Pillow is not damaged: it may lack a decoder.
        if format is None:
            return Trouble("not-a-picture")
        is_known = format in ("jpeg", "png", "gif", "bmp", "tiff", "webp")
        return Trouble("corrupt-image", format) if is_known else None
    finally:
        file.seek(0)
    return None


def in_words(trouble: Trouble, limits: Limits | None = None) -> str:
    """One or two sentences for an editor, with what to do."""
    name = _name(trouble.format) if trouble.format else _("unknown")
    others = _names_of(limits)
    match trouble.code:
        case "too-many-pixels" if trouble.pixels and trouble.limit:
            pixels, limit = _megapixels(trouble.pixels, trouble.limit)
            return _(
                "This picture has %(pixels)s megapixels; at most %(limit)s can be shown. "
                "Please make it smaller."
            ) % {"pixels": pixels, "limit": limit}
        case "too-many-pixels" | "too-complex" | "exceeds-memory":
            return _("This picture is too large to be shown. Please make it smaller.")
        case "too-large" if trouble.limit:
            return _("This file is too large; at most %(limit)s can be uploaded.") % {
                "limit": filesizeformat(trouble.limit)
            }
        case "too-large":
            return _("This file is too large.")
        case "unsupported-format":
            return _(
                "This picture is a %(name)s file, which cannot be shown here. "
                "Please save it as %(others)s."
            ) % {"name": name, "others": others}
        case "type-not-allowed":
            kind = media_type(trouble.format) if trouble.format else name
            return _("%(name)s files (%(type)s) are not accepted here. Please use %(others)s.") % {
                "name": name,
                "type": kind,
                "others": others,
            }
        case "not-a-picture" if trouble.format:
            return _("This is a %(name)s file and no picture. Please choose %(others)s.") % {
                "name": name,
                "others": others,
            }
        case "not-a-picture":
            return _("This file is no picture. Please choose %(others)s.") % {"others": others}
        case "truncated":
            return _(
                "The end of this picture is missing, perhaps because the file was not copied to "
                "its end. What is there can be shown."
            )
    return _("This picture is damaged and cannot be shown. Please save it anew.")


def sniffed(file: File[Any]) -> str | None:
    """The format of a file, from its first bytes."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if isinstance(head, str):
        head = head.encode()
    if head[4:8] == b"ftyp":
        length = max(8, min(int.from_bytes(head[:4], "big"), len(head)))
        brands = {head[at : at + 4] for at in range(8, length, 4)}
        if head[8:12] not in _HEIC and brands & _AVIF:
            return "avif"
        return "heic" if brands & (_HEIC | _HEIF) else None
    for at, magic, format in _MAGIC:
        if head.startswith(magic, at):
            return format
    return "svg" if b"<svg" in head.lower() else None


def _name(format: str) -> str:
    return _NAMES.get(format, format.upper() if len(format) < 6 else format)


def _names_of(limits: Limits | None) -> str:
    found = limits.taken if limits else ()
    names = [_name(format_of(media_type) or media_type) for media_type in found]
    return get_text_list(names or ["JPEG", "PNG", "WebP"], _("or"))


def _megapixels(pixels: int, limit: int) -> tuple[str, str]:
    """Formats both numbers with enough digits to tell them apart."""
    for digits in range(7):
        texts = f"{pixels / 1e6:.{digits}f}", f"{limit / 1e6:.{digits}f}"
        if texts[0] != texts[1]:
            break
    return texts[0], f"{limit / 1e6:.6f}".rstrip("0").rstrip(".")


def _pixels(file: File[Any]) -> int | None:
    try:
        from PIL import Image
    except ImportError:
        return None
    try:
        with Image.open(file) as image:
            return int(image.width * image.height)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Too many pixels for Pillow; its message contains the number.
        found = re.search(r"\d+", str(error))
        return int(found[0]) if found else None
    except Exception:
        # A hostile file may raise anything in a decoder.
        return None
    finally:
        file.seek(0)
