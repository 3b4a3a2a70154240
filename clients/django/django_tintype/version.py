"""The version of this package, which the service reads in its log too."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
