import os
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_tintype.client import client
from django_tintype.errors import TintypeError


class Command(BaseCommand):
    help = "Prepares the database, creates the user admin (password admin), and starts the server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", help="address and port")
        parser.add_argument(
            "--noreload", action="store_true", help="do not restart when a file changes"
        )

    def handle(self, *, bind: str, noreload: bool, **options: Any) -> None:
        # Django's reloader runs this command a second time.
        if not os.environ.get("RUN_MAIN"):
            self.prepare()
            self.stdout.write(f"\n  gallery  http://{bind}/\n  admin    http://{bind}/admin/\n")
            self.stdout.write("           user admin, password admin\n\n")
        call_command("runserver", bind, use_reloader=not noreload)

    def prepare(self) -> None:
        try:
            client().ready()
        except TintypeError as error:
            raise CommandError(f"{error}; start it with `tintype serve --dev`") from None
        call_command("migrate", verbosity=0)
        users = get_user_model().objects
        if not users.filter(username="admin").exists():
            users.create_superuser("admin", password="admin")
