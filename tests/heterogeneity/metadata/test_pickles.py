"""cryoDRGN's pickles: what pickle itself reads, and nothing that could be executed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.heterogeneity.metadata.pickles import read_ctf_pickle, read_index, read_pickled, read_pose_pickle

ROTATIONS = np.tile(np.eye(3), (5, 1, 1))
CTF = np.array([[300, 1.5, 15_000, 14_000, 30, 300, 2.7, 0.1, 0]] * 5)


def _pickled(folder: Path, value: object, protocol: int = 4) -> Path:
    path = folder / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i8", "bool"])
def test_arrays_of_every_protocol_are_those_that_pickle_reads(tmp_path: Path, protocol: int, dtype: str) -> None:
    array = (np.arange(24).reshape(2, 3, 4) % 7).astype(dtype)
    value = (array, np.asfortranarray(array[0]), [1, 2.5, "text", None], {"n": np.float32(3.5)})
    found = read_pickled(_pickled(tmp_path, value, protocol))
    for ours, theirs in zip(found[:2], value[:2], strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert found[2:] == value[2:]


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_calls_a_function_is_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    path = _pickled(tmp_path, (ROTATIONS, _Evil(tmp_path / "made")))
    with pytest.raises(DataError, match=r"a\.pkl: asks for .*mkdir.*nothing was executed"):
        read_pose_pickle(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"\x80", b"not a pickle at all", b"\x80\x04.", pickle.dumps(ROTATIONS)[:-40]])
def test_damaged_pickles_are_said_to_be_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a pickle, or is damaged"):
        read_pickled(path)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not of numbers"):
        read_pickled(_pickled(tmp_path, np.array([{}, []], dtype=object)))


@pytest.mark.parametrize("value", [ROTATIONS, (ROTATIONS,), (ROTATIONS, np.zeros((5, 2)))])
def test_poses_without_shifts_have_shifts_of_zero(tmp_path: Path, value: object) -> None:
    rotations, shifts = read_pose_pickle(_pickled(tmp_path, value))
    assert np.array_equal(rotations, ROTATIONS)
    assert np.array_equal(shifts, np.zeros((5, 2)))


@pytest.mark.parametrize("wrapped", [False, True])
def test_rotations_and_shifts_may_be_two_files(tmp_path: Path, wrapped: bool) -> None:
    shifts = np.arange(10.0).reshape(5, 2) / 20
    _pickled(tmp_path, (shifts,) if wrapped else shifts).rename(tmp_path / "shifts.pkl")
    rotations = _pickled(tmp_path, (ROTATIONS,) if wrapped else ROTATIONS)
    found = read_pose_pickle(rotations, tmp_path / "shifts.pkl")
    assert np.array_equal(found[0], ROTATIONS)
    assert np.array_equal(found[1], shifts)
    for wrong in ((tmp_path / "shifts.pkl", rotations), (rotations, rotations)):
        with pytest.raises(DataError, match=r"give the file of rotations \(n, 3, 3\), then that of shifts"):
            read_pose_pickle(*wrong)
    _pickled(tmp_path, (ROTATIONS, shifts))
    with pytest.raises(DataError, match="give the file of rotations"):
        read_pose_pickle(rotations, tmp_path / "shifts.pkl")
    _pickled(tmp_path, ROTATIONS[:3])
    with pytest.raises(DataError, match=r"shifts\.pkl: has shifts of shape \(5, 2\) for 3 rotations"):
        read_pose_pickle(rotations, tmp_path / "shifts.pkl")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((ROTATIONS, np.full((5, 2), 3.0)), "shifts reach 3 boxes"),
        ((ROTATIONS, np.zeros((4, 2))), r"has shifts of shape \(4, 2\) for 5 rotations"),
        (np.array(["a"]), "poses are rotations"),
        ((), "holds a tuple of 0"),
        (np.zeros((5, 3)), "give the STAR file"),
        ({"rot": 1}, "holds a dict"),
    ],
)
def test_pickles_that_hold_no_poses_are_refused(tmp_path: Path, value: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_pose_pickle(_pickled(tmp_path, value))


def test_ctf_parameters_keep_every_rows_own_pixel_size(tmp_path: Path) -> None:
    table = CTF.copy()
    table[3, 1] = 2.0
    parameters, edge = read_ctf_pickle(_pickled(tmp_path, table))
    assert edge.tolist() == [450, 450, 450, 600, 450]
    assert parameters.defocus_u.tolist() == [15_000] * 5
    assert parameters.voltage.tolist() == [300] * 5


def test_a_phase_shift_that_is_nan_is_refused_and_explained(tmp_path: Path) -> None:
    table = CTF.copy()
    table[2:, 8] = np.nan
    with pytest.raises(DataError, match=r"row 3: column 9 .* without a phase plate it is 0"):
        read_ctf_pickle(_pickled(tmp_path, table))


@pytest.mark.parametrize("value", [[4, 0, 2], np.array([4, 0, 2])])
def test_a_selection_keeps_its_order(tmp_path: Path, value: object) -> None:
    assert read_index(_pickled(tmp_path, value)).tolist() == [4, 0, 2]


def test_selections_may_be_sets_masks_text_or_arrays_of_numpy(tmp_path: Path) -> None:
    assert read_index(_pickled(tmp_path, {4, 0, 2})).tolist() == [0, 2, 4]
    assert read_index(_pickled(tmp_path, np.array([True, False, True]))).tolist() == [0, 2]
    (tmp_path / "a.txt").write_text("4\n0\n2\n")
    assert read_index(tmp_path / "a.txt").tolist() == [4, 0, 2]
    np.save(tmp_path / "a.npy", np.array([4, 0, 2]))
    assert read_index(tmp_path / "a.npy").tolist() == [4, 0, 2]


@pytest.mark.parametrize("value", ["4", {"a": 1}, np.zeros(3), np.zeros((2, 2), dtype=int), [[1], [2, 3]]])
def test_what_is_no_selection_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(DataError, match="not whole numbers"):
        read_index(_pickled(tmp_path, value))
