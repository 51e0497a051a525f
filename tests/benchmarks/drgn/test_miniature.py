"""The benchmark runs in miniature: a small set, one epoch."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from cryotools import simulate_particles

HERE = Path(__file__).parent

pytestmark = pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark; what it imports from its folder is forgotten afterwards."""
    monkeypatch.syspath_prepend(HERE)
    spec = importlib.util.spec_from_file_location("drgn_benchmark", HERE / "__main__.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    yield found
    for path in HERE.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.slow
def test_every_program_has_a_line_in_every_table(benchmark, tmp_path, trypsin, capsys):
    sets = tmp_path / "sets"
    sets.mkdir()
    turn = {"rotate": "residue 16-120", "states": 2}
    simulate_particles(trypsin, sets / "two.star", **turn, n=60, box=16, snr=1)
    told = [str(sets), "--work", str(tmp_path / "runs"), "--epochs", "1", "--width", "16", "--images", "3"]
    benchmark.main(told)
    text = capsys.readouterr().out
    for program in ("train-drgn", "train-drgn --decoder linear"):
        lines = [line for line in text.splitlines() if line.startswith(f"| two | {program} |")]
        assert len(lines) == 3
    assert "| two | 60 | 16 px of" in text
    benchmark.main(told)  # from the runs that are there
    assert capsys.readouterr().out == text
