from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_tintype import conf
from django_tintype.checks import live
from django_tintype.storages.tintype import TintypeStorage


class Command(BaseCommand):
    help = "Checks that the running service and the settings match. Exit code 1 if they do not."
    # The service is checked here; mistakes in the settings are reported below, in the same form.
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--write",
            action="store_true",
            help="also write, read, show and delete a small image, tintype-check.png",
        )
        parser.add_argument(
            "--storage", default="default", help="the alias in STORAGES (default: default)"
        )

    def handle(self, *, write: bool, storage: str, **options: Any) -> None:
        try:
            settings = conf.settings()
            backend = storages[storage]
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        if not isinstance(backend, TintypeStorage):
            raise CommandError(
                f"STORAGES[{storage!r}] is {type(backend).__name__}; set its BACKEND to "
                "'django_tintype.TintypeStorage', or name another with --storage"
            )
        styles = {
            "ok": self.style.SUCCESS,
            "warning": self.style.WARNING,
            "error": self.style.ERROR,
        }
        errors = 0
        for finding in live.check(backend, settings, write=write):
            errors += finding.level == "error"
            self.stdout.write(f"{styles[finding.level](finding.level.ljust(7))}  {finding.text}")
            if finding.fix:
                self.stdout.write(f"         {finding.fix}")
        if errors:
            raise CommandError(f"{errors} {'check' if errors == 1 else 'checks'} failed")
