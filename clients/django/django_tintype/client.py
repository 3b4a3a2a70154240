"""The HTTP API for a site's own code: `client()` is the client of the settings in force."""

from __future__ import annotations

from .api.client import Client as Client
from .api.client import client as client

__all__ = ["Client", "client"]
