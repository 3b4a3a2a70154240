"""Assertions about URLs, for the tests of sites."""

from __future__ import annotations

import time
from urllib.parse import unquote

from .. import conf
from ..delivery.signing import verify
from ..delivery.spec import Spec
from ..delivery.url import needs_signature, parse_path


def assert_url(url: str, key: str, spec: str | Spec | None = None) -> None:
    """Asserts that the service responds to the URL with a variant of this original, without a
    redirect; with `spec`, with exactly this variant. Version, expiry and signature are checked, not
    compared."""
    settings = conf.settings()
    prefix = settings.public_url + "/t/"
    assert url.startswith(prefix), f"{url} does not begin with {prefix}"
    path = url[len(settings.public_url) :]
    parsed = parse_path(path)
    assert path == parsed.canonical, f"{url} would be redirected to {parsed.canonical}"
    assert parsed.key == key, f"{url} shows {parsed.key!r} instead of {key!r}"
    preset, expiry, signature = parsed.spec.preset, parsed.spec.exp, parsed.spec.sig
    assert preset is None or preset in settings.presets, f"{url} has an unknown preset, {preset}"
    assert expiry is None or expiry > time.time(), f"{url} has expired"
    if signature is not None:
        is_right = settings.signing_key and verify(
            settings.signing_key, key, parsed.signed_spec, signature
        )
        assert is_right, f"{url} has a wrong signature"
    else:
        assert not needs_signature(parsed.spec, settings), f"{url} needs a signature"
    if spec is not None:
        wanted = Spec.parse(spec) if isinstance(spec, str) else spec
        got = parsed.spec.replace(v=wanted.v and parsed.spec.v, exp=None, sig=None)
        assert got == wanted.replace(exp=None, sig=None), f"{url} is {got} instead of {wanted}"


def assert_original_url(url: str, key: str) -> None:
    """Asserts that the service responds to the URL with the original itself."""
    settings = conf.settings()
    path = url.removeprefix(settings.public_url)
    if path.startswith("/o/"):
        assert settings.originals == "public", f"{url} needs a signature"
        got = unquote(path.removeprefix("/o/"))
        assert got == key, f"{url} is {got!r} instead of {key!r}"
        return
    assert_url(url, key)
    assert parse_path(path).spec.f == "original", f"{url} is a variant"
