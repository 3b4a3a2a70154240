"""The size of an image in a local file."""

from __future__ import annotations

from typing import Any

from django.core.files import File


def local_size(content: File[Any]) -> tuple[int | None, int | None]:
    """Upright width and height, if Pillow is installed."""
    try:
        from PIL import Image
    except ImportError:
        return None, None
    was_closed = content.closed
    if not was_closed and not content.seekable():
        # A stream that cannot seek has been consumed by now.
        return None, None
    content.open()
    try:
        with Image.open(content) as image:
            # Orientations 5 to 8 swap the sides.
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.height, image.width) if turned else image.size
    except Exception:
        # A hostile file may raise anything in a decoder.
        return None, None
    finally:
        if was_closed:
            content.close()
        else:
            content.seek(0)
