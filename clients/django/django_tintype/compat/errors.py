"""Errors for what tintype cannot do."""

from __future__ import annotations


class CompatError(ValueError):
    """An argument of another package's tag without equivalent in tintype; the message names it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name[:40]
        super().__init__(f"{self.name}: {reason}")


class SizeUnknown(AttributeError):
    """An AttributeError, so that templates write nothing; None would be written as text."""

    silent_variable_failure = True


def unsupported(name: str, fix: str) -> CompatError:
    return CompatError(name, f"tintype cannot do this; {fix}")
