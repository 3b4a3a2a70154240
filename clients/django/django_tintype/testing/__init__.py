"""For the tests of sites: tintype in memory, and assertions about URLs.

    STORAGES = {"default": {"BACKEND": "django_tintype.testing.InMemoryTintype"}}

makes files behave as with the service, with the same names and the same URLs, without a service. No
image can be fetched from those URLs; width, height and format are there, what needs the decoded
image (dominant colour, ThumbHash) is not.
"""

from __future__ import annotations

from .assertions import assert_original_url, assert_url
from .storage import InMemoryTintype

__all__ = ["InMemoryTintype", "assert_original_url", "assert_url"]
