"""The setting TINTYPE is checked as a whole, before anybody uploads: every mistake is reported at
once, with the key and the fix, and never with a secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_tintype.conf import Settings, read, settings

KEY = "correct-horse-battery-staple-said-the-lion"


def test_nothing_set_is_a_service_on_this_machine() -> None:
    assert read({}) == Settings()
    assert read({}).url == read({}).public_url == "http://127.0.0.1:8080"


def test_a_signing_key_closes_what_is_not_said_to_be_open() -> None:
    signed = read({"SIGNING_KEY": KEY})
    assert (signed.unsigned, signed.originals) == ("presets", "signed")
    said = read({"SIGNING_KEY": KEY, "UNSIGNED": "any", "ORIGINALS": "public"})
    assert (said.unsigned, said.originals) == ("any", "public")
    assert (read({}).unsigned, read({}).originals) == ("any", "public")


def test_hushs_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tt_web_hush\n")
    (tmp_path / "key").write_text(f"{KEY}\n")
    read_ = read({"TOKEN_FILE": str(tmp_path / "token"), "SIGNING_KEY_FILE": tmp_path / "key"})
    assert (read_.token, read_.signing_key) == ("tt_web_hush", KEY)
    assert "hush" not in repr(read_) and "horse" not in repr(read_)


def test_values_are_put_into_one_form() -> None:
    read_ = read(
        {
            "URL": "https://media.example.org/",
            "WIDTHS": [640, 320, 640],
            "FORMATS": ["avif", "webp"],
            "PRESETS": {"card": "w_400~h_300~fit_cover"},
            "TIMEOUT": 5,
        }
    )
    assert read_.url == read_.public_url == "https://media.example.org"
    assert read_.widths == (320, 640)
    assert read_.formats == ("avif", "webp")
    assert dict(read_.presets) == {"card": "w_400~h_300~fit_cover"}
    assert read_.timeout == 5.0


def test_a_preset_may_be_said_to_editors() -> None:
    plain, cover = "w_100", "w_400~h_300~fit_cover"
    front = {"spec": cover, "label": "Front page"}
    read_ = read({"PRESETS": {"a": plain, "b": front, "c": {"spec": cover, "picker": False}}})
    assert dict(read_.presets) == {"a": plain, "b": cover, "c": cover}
    assert dict(read_.preset_labels) == {"b": "Front page"}
    assert read_.unpicked == {"c"}


#: the setting, and the message
MISTAKES: list[tuple[Any, str]] = [
    ("http://media", "must be a dict"),
    ({"TOKN": "x"}, "'TOKN' is not a key; did you mean TOKEN"),
    ({"url": "http://x"}, "did you mean URL"),
    ({"COLOUR": 1}, "known are URL"),
    ({"URL": "media.example.org"}, "URL is not an http or https URL"),
    ({"URL": "ftp://x"}, "URL is not an http"),
    ({"URL": "http://x:99999"}, "URL is not a URL"),
    ({"URL": "http://[x"}, "URL is not a URL"),
    ({"URL": "http://user:hush@x"}, "the token goes into TOKEN"),
    ({"URL": "http://x?a=b"}, "scheme, host, port and path only"),
    ({"PUBLIC_URL": 7}, "PUBLIC_URL must be text"),
    ({"TOKEN": "a hush\n"}, "TOKEN must be a token in one line"),
    ({"TOKEN": "hush", "TOKEN_FILE": "/dev/null"}, "both TOKEN and TOKEN_FILE"),
    ({"TOKEN_FILE": "/no/such/file"}, "TOKEN_FILE cannot be read"),
    ({"TOKEN_FILE": "/dev/zero"}, "longer than 4096 bytes"),
    ({"SIGNING_KEY": "hush"}, "32 characters or more"),
    ({"UNSIGNED": "some"}, "UNSIGNED must be one of 'none', 'presets', 'any'"),
    ({"UNSIGNED": "none"}, "set SIGNING_KEY"),
    ({"ORIGINALS": "signed"}, "set SIGNING_KEY"),
    ({"PRESETS": ["card"]}, "PRESETS must be a dict"),
    ({"PRESETS": {"Card": "w_1"}}, "'Card': a name must be a letter a-z, then a-z 0-9 -"),
    ({"PRESETS": {"card": "w_zero"}}, "'card': w"),
    ({"PRESETS": {"card": "w_1~sig_x"}}, "'card': sig"),
    ({"PRESETS": {"card": 5}}, "must have text"),
    ({"PRESETS": {"card": {"spec": 5}}}, "must have text"),
    ({"PRESETS": {"card": {"spec": "w_1", "title": "x"}}}, "known are spec, label and picker"),
    ({"PRESETS": {"card": {"spec": "w_1", "label": 5}}}, "label must be a text"),
    ({"PRESETS": {"card": {"spec": "w_1", "picker": 1}}}, "picker must be True or False"),
    ({"WIDTHS": []}, "WIDTHS must be whole numbers"),
    ({"WIDTHS": [0]}, "WIDTHS must be whole numbers"),
    ({"WIDTHS": "320"}, "WIDTHS must be whole numbers"),
    ({"WIDTHS": [9000]}, "from 1 to 8192"),
    ({"FORMATS": ["avif", "bmp"]}, "FORMATS must be some of avif"),
    ({"FORMATS": ["webp", "webp"]}, "each once"),
    ({"TIMEOUT": 0}, "TIMEOUT must be a number of seconds"),
    ({"TIMEOUT": True}, "TIMEOUT must be a number of seconds"),
]


@pytest.mark.parametrize(("values", "said"), MISTAKES)
def test_a_mistake_is_said_with_its_key(values: Any, said: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(values)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read({"URL": "x", "WIDTH": 1, "TIMEOUT": -1})
    assert all(word in str(caught.value) for word in ("URL is", "did you mean WIDTHS", "TIMEOUT"))


def test_settings_follow_what_tests_override() -> None:
    with override_settings(TINTYPE={"URL": "http://one"}):
        assert settings().url == "http://one"
        assert settings() is settings()
        with override_settings(TINTYPE={"URL": "http://two"}):
            assert settings().url == "http://two"
        assert settings().url == "http://one"


# System checks

OURS = {"BACKEND": "django_tintype.TintypeStorage"}
OTHER = {"BACKEND": "django.core.files.storage.InMemoryStorage"}

OF_STORAGES = {f"tintype.{id}" for id in ("E001", "E002", "E003", "E004", "W001")}

#: TINTYPE, the default storage, ids
CHECKS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"TOKEN": "dev"}, OURS, []),
    ({"TOKEN": "dev", "URL": "x", "TIMEOUT": 0}, OURS, ["tintype.E001", "tintype.E001"]),
    ({}, OURS, ["tintype.E002"]),
    ({}, OTHER, []),
    ({}, {"BACKEND": "django_tintype.testing.InMemoryTintype"}, []),
    ({"TOKEN": "dev"}, {**OURS, "OPTIONS": {"token": "hush"}}, ["tintype.E003"]),
    ({"TOKEN": "dev"}, {**OURS, "OPTIONS": {"location": "../x"}}, ["tintype.E003"]),
    ({"TOKEN": "dev"}, {**OURS, "OPTIONS": {"base_url": "https://cdn"}}, ["tintype.E004"]),
    ({"TOKEN": "dev"}, {**OURS, "OPTIONS": {"base_url": "https://cdn/"}}, []),
    ({"TOKEN": "dev"}, {**OURS, "OPTIONS": {"allow_overwrite": True}}, ["tintype.W001"]),
]


@pytest.mark.parametrize(("tintype", "storage", "ids"), CHECKS)
def test_system_checks(tintype: dict[str, Any], storage: dict[str, Any], ids: list[str]) -> None:
    with override_settings(TINTYPE=tintype, STORAGES={"default": storage}):
        # The site of these tests has other mistakes, which other checks report.
        found = [message for message in run_checks(tags=["files"]) if message.id in OF_STORAGES]
    assert [message.id for message in found] == ids
    for message in found:
        assert message.hint
        assert "hush" not in f"{message.msg} {message.hint}"


def test_checks_before_a_deployment() -> None:
    def ids(tintype: dict[str, Any]) -> set[str | None]:
        with override_settings(TINTYPE=tintype):
            found = run_checks(tags=["security"], include_deployment_checks=True)
        return {message.id for message in found if str(message.id).startswith("tintype.")}

    assert ids({"TOKEN": "dev"}) == {"tintype.W002", "tintype.W003", "tintype.W004"}
    deployed = {"URL": "http://media.internal", "PUBLIC_URL": "https://media.example.org"}
    assert ids({**deployed, "TOKEN": "tt_a", "SIGNING_KEY": KEY}) == set()
    assert ids({"PUBLIC_URL": "http://localhost:1", "TOKEN": "t", "SIGNING_KEY": KEY}) == {
        "tintype.W004"
    }
