"""Text in messages."""

from __future__ import annotations

MAX_CHARACTERS = 40


def shortened(text: str) -> str:
    """Shortens outside text for quoting in a message, because it may be hostile."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"
