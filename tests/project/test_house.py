"""The rules of the house: who imports whom, how many files a room holds, one name for one thing."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sovi_events", "sovi", "events", "sovi_site", "demo", "bench")
FACES = ("events.admin", "events.api", "events.console")
ROOMS = ("stream", "bulk", "web", "models", "filters", "reading", "statistics", "export", "health")
LOOSE = 6
"""Modules of the app that stand in no room, at most."""
FRAMEWORK_NAMES = {"Command", "Migration"}
"""What Django looks for by name, in many files."""


@cache
def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text())


def imported(name: str) -> Iterator[str]:
    """Yield the modules that a module imports, ours and others'."""
    is_package = modules()[name].name == "__init__.py"
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
                base = f"{above}.{base}".removesuffix(".")
            for alias in node.names:
                inside = f"{base}.{alias.name}"
                yield inside if inside in modules() else base


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize(
    ("importer", "never"),
    [
        ("sovi_events", "django"),
        ("sovi_events", "events"),
        ("sovi_events", "sovi_site"),
        ("sovi", "events"),
        ("events", "sovi_site"),
        ("events", "demo"),
        ("events", "bench"),
        ("events.models", "events.web"),
        ("events.filters", "events.reading"),
        *((one, other) for one in FACES for other in FACES if one != other),
        *(
            (f"events.{room}", face)
            for room in ("stream", "bulk", "web", "models")
            for face in FACES
        ),
    ],
)
def test_a_room_imports_nothing_from_above_it(importer: str, never: str) -> None:
    found = {
        (module, other)
        for module in modules()
        if is_in(module, importer)
        for other in imported(module)
        if is_in(other, never)
    }
    assert found == set()


def test_models_import_no_other_room_but_the_value_of_a_filter() -> None:
    found = {
        other
        for module in modules()
        if is_in(module, "events.models")
        for other in imported(module)
        if is_in(other, "events") and not is_in(other, "events.models")
    }
    assert found == {"events.filters.event_filter"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    arrows = {name: {it for it in imported(name) if it in modules()} for name in modules()}
    for name, direct in arrows.items():
        seen: set[str] = set()
        ahead = list(direct - {name})
        while ahead:
            other = ahead.pop()
            if other not in seen:
                seen.add(other)
                ahead += arrows[other]
        assert name not in seen, f"{name} is imported by what it imports"


def test_few_modules_stand_in_no_room() -> None:
    loose = [path.name for path in (ROOT / "events").glob("*.py") if path.name != "__init__.py"]
    assert len(loose) <= LOOSE, loose


def test_no_two_classes_have_the_same_name() -> None:
    places = defaultdict(list)
    for name in modules():
        for node in tree(name).body:
            if isinstance(node, ast.ClassDef) and node.name not in FRAMEWORK_NAMES:
                places[node.name].append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_every_module_says_first_what_it_is() -> None:
    silent = [
        name
        for name, path in modules().items()
        if path.stat().st_size and ".migrations." not in name and not ast.get_docstring(tree(name))
    ]
    assert silent == []
    said = Counter(ast.get_docstring(tree(name)) for name in modules() if "migrations" not in name)
    assert {text for text, times in said.items() if text and times > 1} == set()
