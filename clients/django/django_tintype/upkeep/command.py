from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)

from ..api.errors import TintypeError
from .report import Report


class Formatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's own, which keeps the examples below the options as written."""


class UpkeepCommand(BaseCommand):
    """Exit code 0 when all is well, 1 when something is not (each is reported), 2 for a wrong
    command line."""

    requires_system_checks = ()
    examples = ""
    #: Outcomes that are reported one by one, and end the command with 1.
    problems: Collection[str] = ("failed",)
    threads = 8

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("formatter_class", Formatter)
        kwargs.setdefault("epilog", self.examples)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="JSON lines; the last is a summary")

    def add_parallel(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--parallel",
            type=between(1, 64),
            default=self.threads,
            metavar="N",
            help=f"requests under way at the same time, 1 to 64 (default {self.threads})",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except KeyboardInterrupt:
            if self.stderr.isatty():
                self.stderr.write("")  # below the bar
            raise CommandError("interrupted; run it again for the rest", returncode=130) from None
        except BrokenPipeError:
            # The reader has closed the pipe (`| head`). Python would try to write the rest at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)  # as if SIGPIPE had ended it
        except TintypeError as error:
            # A traceback would not help.
            raise CommandError(str(error)) from error
        except ImproperlyConfigured as error:
            # Such as a token file that this user may not read.
            raise CommandError(str(error), returncode=2) from error

    def report(self, options: dict[str, Any], total: int | None = None) -> Report:
        return Report(
            self.stdout,
            self.stderr,
            problems=self.problems,
            as_json=options["json"],
            total=total,
        )

    def end(self, report: Report, **more: Any) -> None:
        report.finish(**more)
        if report.trouble:
            raise CommandError(report.trouble)


def between(least: int, most: int) -> Any:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return parse


def one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
