"""Tasks for Django's task framework, which exists since Django 6.0."""

from __future__ import annotations

from django.tasks import task

from .api.client import client
from .storages.folder import folder


@task()
def move_original(key: str) -> str:
    """Moves one upload to the service. What fails is left to `tintype_move`."""
    return folder().move(key, client())
