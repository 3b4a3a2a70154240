"""How the package is laid out.

There are no import cycles, neither at the top of modules nor in functions; only imports for type
checkers may form one. The paths that sites import, and that their migrations contain, stay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.db.migrations.writer import MigrationWriter

import django_tintype
import django_tintype.testing

PACKAGE = Path(__file__).resolve().parents[1] / "django_tintype"

#: What the README, the example site and earlier versions tell sites to import.
PUBLIC = {
    "django_tintype": [
        "DeferredTintypeStorage",
        "PreconditionFailed",
        "Source",
        "Spec",
        "TintypeAuthError",
        "TintypeError",
        "TintypeImageField",
        "TintypeRejected",
        "TintypeStorage",
        "TintypeUnavailable",
        "__version__",
        "original_url",
        "url",
    ],
    "django_tintype.admin": ["AdminTintypeImageInput", "TintypeAdminMixin", "thumbnail"],
    "django_tintype.client": ["Client", "client"],
    "django_tintype.compat": ["CompatError", "preset_of_alias", "presets_of_aliases"],
    "django_tintype.conf": ["settings"],
    "django_tintype.deferred_urls": ["urlpatterns"],
    "django_tintype.errors": [
        "InvalidKey",
        "PreconditionFailed",
        "TintypeAuthError",
        "TintypeBlocked",
        "TintypeError",
        "TintypeRejected",
        "TintypeUnavailable",
    ],
    "django_tintype.fields": ["TintypeImageField"],
    "django_tintype.forms": ["TintypeImageFormField", "UploadWhileValidating"],
    "django_tintype.keys": ["InvalidKey"],
    "django_tintype.jinja2": ["TintypeExtension", "environment"],
    "django_tintype.templatetags.tintype": ["register"],
    "django_tintype.templatetags.tintype_easy": ["register"],
    "django_tintype.templatetags.tintype_sorl": ["register"],
    "django_tintype.testing": ["InMemoryTintype", "assert_original_url", "assert_url"],
    "django_tintype.widgets": ["TintypeImageInput"],
}
if find_spec("django.tasks"):
    # Queued tasks name it.
    PUBLIC["django_tintype.tasks"] = ["move_original"]


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def runs(node: ast.AST) -> Iterator[ast.stmt]:
    """The imports that run, at once or when a function is called."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from runs(ast.Module([other], []))
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        else:
            yield from runs(child)


def named(module: str, statement: ast.stmt) -> Iterator[str]:
    """The full names of the modules that an import names."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        base = statement.module or ""
        if statement.level:
            parts = module.split(".")
            if PATHS[module].name != "__init__.py":
                parts = parts[:-1]
            parts = parts[: len(parts) - statement.level + 1]
            base = ".".join([*parts, base] if base else parts)
        for alias in statement.names:
            below = f"{base}.{alias.name}"
            yield below if below in PATHS else base


def imports(module: str) -> set[str]:
    """Our modules that one of them imports, including the packages that this loads first; its own
    packages are loaded already."""
    found: set[str] = set()
    for statement in runs(ast.parse(PATHS[module].read_text())):
        for target in named(module, statement):
            parts = target.split(".")
            entered = (".".join(parts[:count]) for count in range(1, len(parts)))
            found |= {one for one in entered if not f"{module}.".startswith(f"{one}.")}
            found.add(target)
    return found & PATHS.keys()


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle, from its first module back to the same one; empty if there is none."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for target in sorted(graph[module]):
            if found := walk(target, [*way, module]):
                return found
        done.add(module)
        return []

    return next(filter(None, (walk(module, []) for module in graph)), [])


def test_no_modules_import_each_other() -> None:
    graph = {module: imports(module) for module in PATHS}
    assert len(graph) > 60 and sum(map(len, graph.values())) > 150, "nothing was looked at"
    assert circle(graph) == []


def test_a_circle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "p": "",
        "p.one": "def late():\n    from .two import x",
        "p.two": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import one",
        "p.three": "from . import two",
    }
    paths = {name: tmp_path / f"{name}.py" for name in texts}
    paths["p"] = tmp_path / "__init__.py"
    for name, text in texts.items():
        paths[name].write_text(text)
    monkeypatch.setattr(f"{__name__}.PATHS", paths)
    assert circle({module: imports(module) for module in paths}) == []
    paths["p.two"].write_text("import p.three\nfrom p import one")
    found = circle({module: imports(module) for module in paths})
    assert found in (["p.one", "p.two", "p.one"], ["p.three", "p.two", "p.three"])


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_stay_where_they_are(module: str) -> None:
    for name in PUBLIC[module]:
        assert hasattr(import_module(module), name), f"{module}.{name}"


def test_migrations_of_earlier_versions_mean_the_same() -> None:
    written = {
        "field": "django_tintype.TintypeImageField("
        "crops_field='crops', focal_field='focal', height_field='height', "
        "placeholder_field='placeholder', storage=django_tintype.TintypeStorage(location='a'), "
        "upload_to='photos', version_field='version', width_field='width')",
        "deferred": "django_tintype.DeferredTintypeStorage(location='b')",
        "memory": "django_tintype.testing.InMemoryTintype(location='c')",
    }
    for name, text in written.items():
        value = eval(text, {"django_tintype": django_tintype})
        assert MigrationWriter.serialize(value)[0] == text, name
