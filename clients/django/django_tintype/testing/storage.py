"""A storage whose files are in memory, for the tests of sites."""

from __future__ import annotations

from django.utils.deconstruct import deconstructible

from ..api.client import Client
from ..storages.tintype import TintypeStorage
from .client import memory


@deconstructible(path="django_tintype.testing.InMemoryTintype")
class InMemoryTintype(TintypeStorage):
    """A `TintypeStorage` whose files are in memory, in one place for the whole process."""

    @property
    def client(self) -> Client:
        return memory

    @staticmethod
    def clear() -> None:
        """Deletes every file: for `setUp`, or a fixture."""
        memory.clear()
