"""Signatures of delivery URLs: HMAC-SHA256 over `t/{key}/{spec}`, cut to 16 bytes, in base64url."""

from __future__ import annotations

import base64
import hmac


def sign(signing_key: str, key: str, spec_text: str) -> str:
    """The signature of a spec (without `sig`) of an original; key and spec are decoded text."""
    digest = hmac.digest(signing_key.encode(), f"t/{key}/{spec_text}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def verify(signing_key: str, key: str, spec_text: str, signature: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(sign(signing_key, key, spec_text), signature)
