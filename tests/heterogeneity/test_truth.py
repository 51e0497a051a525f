from __future__ import annotations

import pickle

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.fourier import map_grid
from cryotools.heterogeneity.truth import read_truth, write_truth

STATES = np.array([1, 0, -1, 1])
VOLUMES = [Volume.on(map_grid(8, 3.0), np.full((8, 8, 8), value, dtype=np.float32)) for value in (1.0, 2.0)]


def test_what_is_written_is_read_back(tmp_path):
    motion = np.array([0.25, 0.5, np.nan, 1.0])
    names = write_truth(tmp_path / "truth", STATES, iter(VOLUMES), motion=motion, contrast=np.array([1, 0.9, 1.1, 1.2]))
    assert [name.rpartition("/")[2] for name in names] == ["state_000.mrc", "state_001.mrc", "truth.csv"]
    found = read_truth(tmp_path / "truth")
    assert np.array_equal(found.states, STATES)
    assert np.array_equal(found.motion, motion, equal_nan=True)
    assert found.contrast.tolist() == [1, 0.9, 1.1, 1.2]
    assert [found.volume(state) for state in (0, 1)] == VOLUMES
    with pytest.raises(DataError, match="there is no volume of state 2; there are 2"):
        found.volume(2)


def test_without_a_motion_there_is_none(tmp_path):
    write_truth(tmp_path, STATES, VOLUMES)
    found = read_truth(tmp_path)
    assert found.motion is None
    assert found.contrast.tolist() == [1, 1, 1, 1]


def test_rows_may_come_in_any_order(tmp_path):
    write_truth(tmp_path, STATES, VOLUMES)
    (tmp_path / "truth.csv").write_text("state,index\n1,1\n0,0\n")
    assert read_truth(tmp_path).states.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("index,state\n", "contains no particles"),
        ("index,state\n0,0\n2,0\n", "has no row, or several, for particle 1"),
        ("index,state\n0,0.5\n", "line 2: state is 0.5"),
        ("index,state\n0,-2\n", "line 2: state is -2"),
        ("index,state\n0,\n", "line 2: state: nothing is not a number"),
        ("index,state\n0,2\n", "state_002.mrc: no such file, but"),
        ("index,motion\n0,2\n", "column state is missing"),
    ],
)
def test_a_broken_table_is_told_in_one_line(tmp_path, table, words):
    write_truth(tmp_path, STATES, VOLUMES)
    (tmp_path / "truth.csv").write_text(table)
    with pytest.raises(DataError, match=words):
        read_truth(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", "state\n1\n0\n-1\n1\n"),
        ("labels.csv", "index;state\n1;0\n0;1\n2;-1\n3;1\n"),
        ("labels.txt", "1\n0\n-1\n1\n"),
    ],
)
def test_labels_alone_come_from_a_table_or_a_list(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    found = read_truth(tmp_path / name)
    assert found.states.tolist() == STATES.tolist()
    assert found.volumes == ()


def test_labels_alone_come_from_arrays(tmp_path):
    np.save(tmp_path / "labels.npy", STATES)
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps(STATES))
    for name in ("labels.npy", "labels.pkl"):
        assert read_truth(tmp_path / name).states.tolist() == STATES.tolist()
    np.save(tmp_path / "labels.npy", STATES - 1)
    with pytest.raises(DataError, match="line 3: state is -2"):
        read_truth(tmp_path / "labels.npy")


def test_a_state_without_a_volume_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="state 1 has no volume"):
        write_truth(tmp_path, STATES, VOLUMES[:1])
    assert not list(tmp_path.iterdir())
