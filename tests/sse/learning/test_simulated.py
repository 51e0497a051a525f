"""Simulated boxes made by two processes together."""

from __future__ import annotations

import json

import numpy as np
import pytest
from two_processes import run_in_two

from cryotools.simulate import boxes
from cryotools.sse.learning.examples import ClassifierExample
from cryotools.sse.learning.simulated import simulated_examples

COUNT = 5
RUN = """
import json, os, sys
from pathlib import Path
import numpy as np
import torch
sys.path.insert(0, str(Path(sys.argv[1]) / "support"))
from cryotools.core.errors import DataError
from cryotools.simulate import boxes
from cryotools.sse.learning import simulated
from cryotools.training import distributed
from made import box

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
structures = [folder / "a.pdb", folder / "b.pdb"]
made, ends = [], {}


def recorded(turn, make, random):
    if broken and rank == 1:
        raise DataError("disk full")
    made.append(turn[0].name)
    return box(turn, random)


boxes._first_usable = recorded
with distributed.joined(torch.device("cpu")):
    for name, broken in (("whole", False), ("again", False), ("broken", True)):
        made.clear()
        kept = folder / ("broken" if broken else "kept")
        try:
            found = simulated.simulated_examples(structures, COUNT, kept, seed=3)
            ends[name] = [len(made), [float(one.density.sum()) for one in found]]
        except (DataError, SystemExit) as error:
            ends[name] = str(error)
(folder / f"rank{rank}.json").write_text(json.dumps(ends))
"""
BOX = '''
import numpy as np
from cryotools.sse.learning.examples import ClassifierExample

def box(turn, random):
    """A stand-in for a box, which tells of what it was made."""
    density = random.random((4, 4, 4)).astype(np.float16) + len(turn[0].name)
    classes = np.zeros((4, 4, 4), np.uint8)
    return ClassifierExample(density, classes, classes + 1, 3.0, np.zeros((1, 3), np.int16))
'''


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    (folder / "support").mkdir()
    (folder / "support/made.py").write_text(BOX)
    for name in ("a.pdb", "b.pdb"):
        (folder / name).write_text(name)
    run_in_two(RUN.replace("COUNT", str(COUNT)), folder)
    return folder, [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
def test_two_processes_share_the_boxes_and_both_have_all(two):
    _, (first, second) = two
    assert (first["whole"][0], second["whole"][0]) == (3, 2)
    assert len(first["whole"][1]) == COUNT
    assert first["whole"][1] == second["whole"][1]
    assert first["again"] == [0, first["whole"][1]]
    assert second["again"] == [0, first["whole"][1]]


@pytest.mark.slow
def test_they_are_the_boxes_of_one_process(two, tmp_path, monkeypatch):
    folder, (first, _) = two
    box: dict = {}
    exec(BOX, box)
    monkeypatch.setattr(boxes, "_first_usable", lambda turn, make, random: box["box"](turn, random))
    alone = simulated_examples([folder / "a.pdb", folder / "b.pdb"], COUNT, tmp_path / "kept", seed=3)
    assert all(isinstance(one, ClassifierExample) for one in alone)
    assert first["whole"][1] == [float(np.sum(one.density)) for one in alone]


@pytest.mark.slow
def test_what_fails_in_one_stops_both(two):
    _, (first, second) = two
    assert (first["broken"], second["broken"]) == ("1", "disk full")
