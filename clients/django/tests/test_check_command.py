"""`manage.py tintype_check` finds out whether settings and service match, says how to fix what does
not, and leaves nothing behind.
"""

from __future__ import annotations

import json
import re
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_tintype.checks import live
from tests.conftest import StartService
from tests.service import Service, binary, free_ports

KEY = "correct-horse-battery-staple-said-the-lion"
PRESETS = '[presets]\ncard = "w_400~h_300~fit_cover"\nwide = "w_1200"'
SIGNED = {"TINTYPE_SIGNING_KEYS": KEY, "TINTYPE_CONFIG_INLINE": PRESETS}
OURS = {"SIGNING_KEY": KEY, "PRESETS": {"card": "w_400~h_300~fit_cover", "wide": "w_1200"}}


def check(*arguments: str) -> tuple[bool, str]:
    out = StringIO()
    try:
        call_command("tintype_check", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        return False, f"{out.getvalue()}{error}"
    return True, out.getvalue()


def token(scopes: str, *more: str) -> tuple[str, str]:
    """The token for the client, and the entry for the service."""
    command = [str(binary()), "token", "new", "--id", "web", "--scopes", scopes, "--json", *more]
    made: dict[str, Any] = json.loads(subprocess.check_output(command))
    return str(made["token"]), str(made["entry"])


def test_all_is_well(start_service: StartService) -> None:
    service = start_service(SIGNED, **OURS)
    is_well, said = check("--write")
    assert is_well, said
    assert [line[len("ok       ") :] for line in said.splitlines()] == [
        f"the service responds at {service.url}",
        "the clocks agree",
        "the token allows list, read, write, delete, replace, purge",
        f"{service.url} serves thumbnails",
        "the signing key is one of the service's",
        "the service knows 2 presets",
        "wrote tintype-check.png",
        "read the same bytes back",
        "a thumbnail of it arrives",
        "the original arrives at its URL",
        "2 presets mean the same in both places",
        "deleted it again",
    ]


def test_another_server_at_the_address_is_told_with_the_fix(service: Service) -> None:
    for address in (service.admin_url, f"{service.url}/api"):
        with override_settings(TINTYPE={"URL": address}):
            is_well, said = check()
        assert not is_well
        assert f"something responds at {address}, but it is not the service's API" in said
        assert "set TINTYPE['URL'] to the URL that `tintype serve` prints, without a path" in said


def test_without_write_nothing_is_written(start_service: StartService) -> None:
    service = start_service(SIGNED, **OURS)
    assert check()[0]
    stored = [path for path in service.root.rglob("*") if path.is_file()]
    assert [path for path in stored if ".tintype" not in path.parts] == []
    changes = [r for r in service.requests() if r["status"] in (200, 201, 204)]
    assert {r["method"] for r in changes} <= {"GET", "HEAD", "POST"}
    assert {r["route"] for r in changes} <= {"openapi", "list", "batch"}


def test_with_write_nothing_is_left(start_service: StartService) -> None:
    service = start_service(SIGNED, **OURS)
    (service.root / "tintype-check.png").write_bytes(b"somebody's own")
    is_well, said = check("--write")
    assert is_well and "wrote tintype-check_" in said
    left = [path for path in service.root.rglob("*.png") if ".tintype" not in path.parts]
    assert [path.read_bytes() for path in left] == [b"somebody's own"]


#: the service's environment, our settings, the message, the fix
MISFITS: list[tuple[dict[str, str], dict[str, Any], str, str]] = [
    ({}, {"TOKEN": "wrong"}, "the token is refused", "tintype token new"),
    (SIGNED, {**OURS, "SIGNING_KEY": KEY + "."}, "rejects our signatures", "SIGNING_KEYS"),
    (SIGNED, {}, "requires signatures, and TINTYPE makes none", "TINTYPE['SIGNING_KEY']"),
    (SIGNED, {}, "requires signatures for originals", "TINTYPE['ORIGINALS'] = 'signed'"),
    ({}, {"PRESETS": {"card": "w_1"}}, "does not know the preset card", 'card = "w_1"'),
    (
        SIGNED,
        {**OURS, "PRESETS": {"card": "w_500~h_300~fit_cover"}},
        "defines the preset differently: card",
        "write the same",
    ),
]


@pytest.mark.parametrize(("env", "ours", "said", "fix"), MISFITS)
def test_what_does_not_fit_is_said_with_its_fix(
    start_service: StartService, env: dict[str, str], ours: dict[str, Any], said: str, fix: str
) -> None:
    start_service(env, **ours)
    is_well, text = check("--write")
    assert not is_well
    lines = text.splitlines()
    (at,) = [number for number, line in enumerate(lines) if said in line]
    assert lines[at].startswith("error")
    assert fix in lines[at + 1]
    assert re.fullmatch("[12] checks? failed", lines[-1])
    assert "horse" not in text and "wrong" not in text.replace("is wrong", "")


def test_a_public_url_of_another_server(start_service: StartService, settings: Any) -> None:
    service = start_service()
    for url, said in (
        (service.admin_url, "does not serve thumbnails"),
        (f"http://127.0.0.1:{free_ports(1)[0]}", "cannot be reached from here"),
    ):
        settings.TINTYPE = {**settings.TINTYPE, "PUBLIC_URL": url}
        is_well, text = check("--write")
        assert not is_well and said in text and "TINTYPE['PUBLIC_URL']" in text


def test_a_service_that_is_away(settings: Any) -> None:
    settings.TINTYPE = {"URL": f"http://127.0.0.1:{free_ports(1)[0]}", "TOKEN": "dev"}
    is_well, text = check()
    assert not is_well
    # Once, with the fix on a separate line.
    assert text.count("no response from the service at") == 1
    assert text.count("check TINTYPE['URL'] and that the service runs") == 1


#: scopes, level and text for the one that is missing
SCOPES = [
    ("read+list+write+delete+purge", "warning", "lacks the scope replace"),
    ("read+list+write+delete+replace", "warning", "lacks the scope purge"),
    ("read+list+delete+replace+purge", "error", "may not write"),
    ("read+write+delete+replace+purge", "error", "may not list"),
    ("list+write+delete+replace+purge", "error", "may not read"),
    ("read+list+write+replace+purge", "error", "may not delete"),
]


@pytest.mark.parametrize(("scopes", "level", "said"), SCOPES)
def test_scopes(start_service: StartService, scopes: str, level: str, said: str) -> None:
    ours, theirs = token(scopes)
    start_service({"TINTYPE_TOKENS": theirs}, TOKEN=ours)
    is_well, text = check()
    assert is_well == (level == "warning")
    assert [line for line in text.splitlines() if said in line and line.startswith(level)], text
    assert ours not in text


def test_a_token_for_one_folder_fits_the_storage_of_that_folder(
    start_service: StartService, settings: Any
) -> None:
    ours, theirs = token("read+list+write+delete+replace+purge", "--prefix", "magazine/")
    start_service({"TINTYPE_TOKENS": theirs}, TOKEN=ours)
    assert not check()[0]
    backend = {"BACKEND": "django_tintype.TintypeStorage", "OPTIONS": {"location": "magazine"}}
    settings.STORAGES = {**settings.STORAGES, "magazine": backend}
    is_well, text = check("--storage", "magazine", "--write")
    assert is_well and "wrote magazine/tintype-check.png" in text


def test_a_read_only_service(start_service: StartService) -> None:
    start_service({"TINTYPE_READ_ONLY": "1"})
    is_well, text = check()
    assert is_well and "read-only" in text


def test_a_service_may_want_some_types_alone(start_service: StartService) -> None:
    start_service({"TINTYPE_ALLOW_TYPES": "image/*"})
    is_well, text = check("--write")
    assert is_well and "the token allows list, read, write, delete, replace, purge" in text
    start_service({"TINTYPE_ALLOW_TYPES": "image/jpeg"})
    is_well, text = check("--write")
    assert (
        not is_well and "cannot be written and read back" in text and "TINTYPE_ALLOW_TYPES" in text
    )


def test_files_that_are_moved_later_are_moved_now(
    start_service: StartService, settings: Any, tmp_path: Path
) -> None:
    service = start_service(
        DEFERRED_ROOT=tmp_path / "shared", DEFERRED_ROOT_IS_SHARED_AND_DURABLE=True
    )
    (tmp_path / "shared").mkdir()
    settings.STORAGES = {"default": {"BACKEND": "django_tintype.DeferredTintypeStorage"}}
    settings.ROOT_URLCONF = "django_tintype.deferred_urls"
    is_well, said = check("--write")
    assert is_well, said
    assert "a thumbnail of it arrives" in said
    left = [path for path in service.root.rglob("*.png") if ".tintype" not in path.parts]
    assert left == [*(tmp_path / "shared" / "files").rglob("*.png")] == []
    (tmp_path / "shared").rename(tmp_path / "not mounted")
    is_well, said = check("--write")
    assert not is_well and "DEFERRED_ROOT is missing; mount it" in said
    assert "ALLOW_TYPES" not in said


def test_another_storage_and_wrong_settings_are_said(fresh_service: Service) -> None:
    is_well, text = check("--storage", "staticfiles")
    assert not is_well and "django_tintype.TintypeStorage" in text
    with override_settings(TINTYPE={"TOKN": "dev"}):
        is_well, text = check()
    assert not is_well and "did you mean TOKEN" in text


def test_a_clock_that_is_wrong(fresh_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    # The machine's clock cannot be set in a test; what is allowed can.
    monkeypatch.setattr(live, "MAX_CLOCK_SECONDS", -1)
    is_well, text = check()
    assert is_well and "NTP" in text
