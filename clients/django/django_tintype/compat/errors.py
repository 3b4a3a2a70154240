"""What is asked of tintype and cannot be given."""

from __future__ import annotations


class CompatError(ValueError):
    """An argument of another package's tag that has no meaning for tintype; names it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name[:40]
        super().__init__(f"{self.name}: {reason}")


class SizeUnknown(AttributeError):
    """Asked for in a template it is empty there; None would be written."""

    silent_variable_failure = True


def unsupported(name: str, fix: str) -> CompatError:
    return CompatError(name, f"tintype cannot do this; {fix}")
