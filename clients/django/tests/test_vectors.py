"""The service and this package agree on every case of the repository's tests/vectors: signatures,
the spelling of specs, and the size of variants. The files are read from the repository, and the
Rust tests read them too.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from django_tintype import keys
from django_tintype.delivery import geometry
from django_tintype.delivery import url as urls
from django_tintype.delivery.signing import sign, verify
from django_tintype.delivery.spec import Spec, SpecError

VECTORS = Path(__file__).resolve().parents[3] / "tests" / "vectors"


def cases(file: str, table: str, at_least: int) -> list[Any]:
    path = VECTORS / file
    if not path.is_file():
        pytest.fail(
            f"{path} is missing: run these tests from a checkout of the whole repository, "
            "clients/django alone is not enough"
        )
    found: list[Any] = json.loads(path.read_text("utf-8"))[table]
    assert len(found) >= at_least, f"{file} has {len(found)} cases of {table}"
    return found


def name(case: Any) -> str:
    if isinstance(case, str):
        return case
    return str(case.get("why") or case.get("received") or case)


@pytest.mark.parametrize("case", cases("signatures.json", "cases", 15), ids=name)
def test_signatures(case: dict[str, str]) -> None:
    key, spec, signature = case["key"], case["spec"], case["signature"]
    assert sign(case["signing_key"], key, spec) == signature
    assert verify(case["signing_key"], key, spec, signature)
    assert not verify(case["signing_key"] + ".", key, spec, signature)
    assert f"/t/{keys.encode_key(key)}/{spec}~sig_{signature}" == case["path"]


@pytest.mark.parametrize("case", cases("keys.json", "cases", 46), ids=name)
def test_keys(case: dict[str, Any]) -> None:
    key = case["key"]
    if isinstance(key, dict):
        key = key["start"] + key["repeated"] * key["times"] + key["end"]
    for rule, is_key in ((keys.check_key, case["new"]), (keys.encode_key, case["existing"])):
        with nullcontext() if is_key else pytest.raises(keys.InvalidKey):
            rule(key)


@pytest.mark.parametrize("case", cases("canonical.json", "specs", 24), ids=name)
def test_spelling(case: dict[str, str]) -> None:
    spec = Spec.parse(case["received"])
    assert str(spec) == case["canonical"]
    assert Spec.parse(case["canonical"]) == spec


@pytest.mark.parametrize("case", cases("canonical.json", "refused", 81), ids=name)
def test_refused_specs(case: dict[str, str]) -> None:
    with pytest.raises(SpecError) as caught:
        Spec.parse(case["received"])
    assert caught.value.item == case["item"]


@pytest.mark.parametrize("case", cases("canonical.json", "paths", 15), ids=name)
def test_paths(case: dict[str, str]) -> None:
    parsed = urls.parse_path(case["received"])
    assert (parsed.key, parsed.canonical) == (case["key"], case["canonical"])


@pytest.mark.parametrize("path", cases("canonical.json", "refused_paths", 19), ids=name)
def test_refused_paths(path: str) -> None:
    with pytest.raises((ValueError, keys.InvalidKey)):
        urls.parse_path(path)


def test_what_only_the_picture_tells() -> None:
    cover = "w_300~h_200~fit_cover"
    smart, centre = (Spec.parse(f"{cover}~g_{word}") for word in ("smart", "c"))
    assert geometry.resolve(400, 800, smart) == geometry.resolve(400, 800, centre)
    focal = (0.1, 0.9)
    plain = Spec.parse(cover)
    assert geometry.resolve(400, 800, smart, focal) == geometry.resolve(400, 800, plain, focal)
    with pytest.raises(geometry.GeometryError) as caught:
        geometry.resolve(400, 800, Spec.parse("w_300~trim_1"))
    assert caught.value.code == "trim"


@pytest.mark.parametrize("case", cases("geometry.json", "cases", 60), ids=name)
def test_geometry(case: dict[str, Any]) -> None:
    width, height = case["source"]
    spec = Spec.parse(case["spec"])
    focal = (float(case["focal"][0]), float(case["focal"][1])) if "focal" in case else None
    if "error" in case:
        with pytest.raises(geometry.GeometryError) as caught:
            geometry.resolve(width, height, spec, focal)
        assert caught.value.code == case["error"]
        return
    got = geometry.resolve(width, height, spec, focal)
    assert list(got.crop) == case["crop"]
    assert list(got.output) == case["output"]
    assert (list(got.picture) if got.picture else None) == case.get("picture")
