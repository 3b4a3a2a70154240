"""The size of an image whose file is at hand."""

from __future__ import annotations

from typing import Any

from django.core.files import File


def local_size(content: File[Any]) -> tuple[int | None, int | None]:
    """Upright width and height of a file that is at hand, if Pillow is there to tell."""
    try:
        from PIL import Image
    except ImportError:
        return None, None
    was_closed = content.closed
    if not was_closed and not content.seekable():
        # What is a stream has been read by now.
        return None, None
    content.open()
    try:
        with Image.open(content) as image:
            # 5 to 8 lie on their side.
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.height, image.width) if turned else image.size
    except Exception:
        # Whatever a decoder says of a stranger's file, it has no size then.
        return None, None
    finally:
        if was_closed:
            content.close()
        else:
            content.seek(0)
