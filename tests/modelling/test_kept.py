"""Stages of a build that are kept: an interrupted one goes on where it was."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cryotools.anchors.predict import AnchorDetector
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling import build
from cryotools.modelling.kept import KeptStages, content_digest

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Thing:
    values: np.ndarray
    number: float
    name: str
    missing: float | None = None


def things() -> list[Thing]:
    warnings.warn("look", CryotoolsWarning, stacklevel=1)
    return [Thing(np.arange(3), 0.5, "a/b"), Thing(np.zeros((0, 2), dtype=np.float32), 2.0, "", 1.0)]


def test_what_is_kept_comes_back_with_its_warnings_and_is_not_made_again(tmp_path):
    kept, calls = KeptStages(tmp_path / "new" / "folder"), []

    def make():
        calls.append(1)
        return things()

    for _ in range(2):
        with pytest.warns(CryotoolsWarning, match="look"):
            first, second = kept.of("stage", [np.ones(2), "x"], (Thing,), make)
        assert (first.values.tolist(), first.number, first.name, first.missing) == ([0, 1, 2], 0.5, "a/b", None)
        assert (second.values.shape, second.values.dtype, second.missing) == ((0, 2), np.float32, 1.0)
    assert len(calls) == 1
    with pytest.warns(CryotoolsWarning):
        kept.of("stage", [np.ones(3), "x"], (Thing,), make)
    assert len(calls) == 2


def test_a_damaged_file_is_made_again(tmp_path):
    kept = KeptStages(tmp_path)
    with pytest.warns(CryotoolsWarning):
        kept.of("stage", [], (Thing,), things)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(CryotoolsWarning):
        assert len(kept.of("stage", [], (Thing,), things)) == 2


def test_digests_tell_values_types_shapes_and_order_apart():
    facts = [
        np.ones(2),
        np.ones((1, 2)),
        np.ones(2, dtype=np.float32),
        1.0,
        1,
        "1",
        None,
        {"a": "b"},
        {"b": "a"},
        ["ab"],
    ]
    facts += [["a", "b"], Thing(np.ones(2), 1.0, "")]
    assert len({content_digest(one) for one in facts}) == len(facts)
    assert content_digest({"a": np.ones(2)}) == content_digest({"a": np.ones(2)})


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        KeptStages(tmp_path / "file")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")
def test_a_build_that_is_interrupted_between_stages_goes_on_and_ends_as_one_that_is_not(tmp_path, monkeypatch):
    volume = read_map(DATA / "emd_3488_crop.mrc.gz")
    sequences = find_residues(read_structure(DATA / "5ni1_crop.pdb.gz")).sequences()
    detector = AnchorDetector(compute=Compute("cpu"))
    whole = build.build_in_map(detector, volume, 3.2, sequences)
    stages = ("_with_refined", "fit_sequences", "full_atoms")  # each later than the one before
    done: list[int] = []
    for number, name in enumerate(stages):
        with monkeypatch.context() as patched:
            patched.setattr(build, name, _interrupted)
            for earlier in stages[: max(number - 1, 0)]:
                patched.setattr(build, earlier, _not_again)
            if number:
                patched.setattr(AnchorDetector, "traced", _not_again)
            with pytest.raises(KeyboardInterrupt):
                build.build_in_map(detector, volume, 3.2, sequences, work=tmp_path)
        done.append(len(list(tmp_path.iterdir())))
    assert done == sorted(set(done))
    for name in ("_with_refined", "fit_sequences"):
        monkeypatch.setattr(build, name, _not_again)
    monkeypatch.setattr(AnchorDetector, "named", _not_again)
    resumed = build.build_in_map(detector, volume, 3.2, sequences, work=tmp_path)
    np.testing.assert_array_equal(resumed.structure.xyz, whole.structure.xyz)
    assert [plan.letters for plan in resumed.chains.values()] == [plan.letters for plan in whole.chains.values()]
    assert len(resumed.fits) == len(whole.fits)


def _interrupted(*_arguments, **_options):
    raise KeyboardInterrupt


def _not_again(*_arguments, **_options):
    raise AssertionError("was done already")
