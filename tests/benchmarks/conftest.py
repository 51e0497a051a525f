"""What the miniatures of several benchmarks need."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest


@pytest.fixture
def benchmark(request, monkeypatch) -> Iterator[ModuleType]:
    """The benchmark beside the test; what it imports from its folder is forgotten afterwards, as rooms share names."""
    here = request.path.parent
    monkeypatch.syspath_prepend(here)
    spec = importlib.util.spec_from_file_location(f"{here.name}_benchmark", here / "__main__.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    yield found
    for path in here.glob("*.py"):
        sys.modules.pop(path.stem, None)
