"""The order of the rooms: imports go downward only, none in a circle, and systems do not know one another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cryotools"

# from the ground up; what stands on one line may not import its neighbours
FLOORS = (
    ("core.errors",),
    ("core.progress",),
    ("core.processes",),
    ("core.cgroup",),
    ("core.memory",),
    ("core.files",),
    ("core.maps",),
    ("core.structures",),
    ("core.compute",),
    ("view", "nn"),
    ("metrics",),
    ("training",),
    ("simulate.layout",),
    ("simulate.classical",),
    ("simulate.learned",),
    ("simulate",),
    ("curation",),
    ("homologs.search",),
    ("realism", "sse", "anchors", "heterogeneity"),
    ("sites",),
    ("homologs", "modelling"),
    ("api",),
    ("cli",),
)
INFERENCE = (
    "anchors.predict",
    "heterogeneity.predict",
    "heterogeneity.runs",
    "sites.evidence",
    "sites.predict",
    "sse.predict",
    "realism.predict",
    "simulate.learned.predict",
    "simulate.learned.vae_predict",
)


@cache
def _modules() -> dict[str, Path]:
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name and name != "__main__":
            names[name] = path
    return names


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules of the package that a file imports anywhere, and whether that is when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = {id(node) for node in _executed(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cryotools"):
            inside = (node.module or "").removeprefix("cryotools").lstrip(".")
            for alias in node.names:
                whole = f"{inside}.{alias.name}".lstrip(".")
                yield whole if whole in _modules() else inside, id(node) in at_once
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("cryotools."):
                    yield alias.name.removeprefix("cryotools."), id(node) in at_once


def _executed(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: not in functions, not for type checkers alone."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        if not isinstance(node, ast.FunctionDef):
            yield from (child for child in ast.walk(node) if isinstance(child, ast.stmt))


@cache
def _graph() -> dict[str, set[tuple[str, bool]]]:
    return {name: {found for found in _imports(path) if found[0]} for name, path in _modules().items()}


def _floor(module: str) -> tuple[int, str] | None:
    """The floor of a module and the room that stands there, the longest name that fits."""
    fitting = [
        (len(room), number, room)
        for number, rooms in enumerate(FLOORS)
        for room in rooms
        if module == room or module.startswith(f"{room}.")
    ]
    return max(fitting)[1:] if fitting else None


def test_every_module_stands_on_a_floor() -> None:
    homeless = [name for name in _modules() if _floor(name) is None and name not in ("core", "weights")]
    assert not homeless


def test_imports_go_downward_only() -> None:
    upward = []
    for module, imported in _graph().items():
        here = _floor(module)
        for other, _ in imported:
            there = _floor(other)
            if here and there and here[1] != there[1] and there[0] >= here[0]:
                upward.append(f"{module} -> {other}")
    assert not sorted(upward)


def test_no_modules_import_one_another_in_a_circle() -> None:
    at_once = {
        name: {other for other, when in imported if when and other != name} for name, imported in _graph().items()
    }
    try:
        TopologicalSorter(at_once).prepare()
    except CycleError as circle:
        pytest.fail(f"a circle: {' -> '.join(circle.args[1])}")


@pytest.mark.parametrize("module", INFERENCE)
def test_applying_a_network_needs_nothing_of_training(module: str) -> None:
    seen, ahead = set(), [module]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += [other for other, _ in _graph().get(name, ())]
    assert not [name for name in seen if name.split(".")[0] in ("training", "curation")]


def test_tests_lie_in_the_rooms_of_what_they_test() -> None:
    tests = Path(__file__).parent
    rooms = {name for name, path in _modules().items() if path.name == "__init__.py"}
    names = ("anchors", "docking", "drgn", "finetune", "homologs", "modelling", "sites", "sse")
    benchmarks = {f"benchmarks.{name}" for name in names}
    stray = [
        path.relative_to(tests).as_posix()
        for path in tests.rglob("test_*.py")
        if path.parent != tests and ".".join(path.parent.relative_to(tests).parts) not in {*rooms, *benchmarks}
    ]
    assert not stray
