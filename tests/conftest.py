"""Fixtures shared by all tests: the example structure, and a way to run the program in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def trypsin() -> Path:
    """PDB entry 1GBT: 1761 atoms of trypsin with an acyl ligand, a calcium, a sulfate and waters."""
    return EXAMPLES / "1gbt.cif"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept in the cache of who runs the tests."""
    monkeypatch.setenv("CRYOTOOLS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def cpu_takes_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a CPU that multiplies bf16 fast and right, whatever this one does."""
    from cryotools.core.compute import device

    monkeypatch.setattr(device, "why_not_bfloat16", lambda: "")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run `cryotools ARGUMENTS…` in this process and return its exit code, stdout and stderr."""
    from cryotools.cli.main import main

    def _run(*arguments: object) -> Run:
        capfd.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return _run
