from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.files.arrayfile import arrays_in, save_arrays


def test_arrays_come_back_and_failures_say_what_to_do(tmp_path):
    path = tmp_path / "some.npz"
    save_arrays(path, {"a": np.arange(3), "b": np.array("text")})
    with arrays_in(path, "a pair", "make it again") as values:
        assert values["a"].tolist() == [0, 1, 2]
        assert str(values["b"]) == "text"
    with (
        pytest.raises(DataError, match=r"some\.npz: is damaged or not a pair .*; make it again"),
        arrays_in(path, "a pair", "make it again") as values,
    ):
        values["c"]
    with pytest.raises(DataError, match="no such file"), arrays_in(tmp_path / "none.npz", "a pair", "make it again"):
        pass


def test_objects_are_not_pickled(tmp_path):
    with pytest.raises(ValueError, match=r"some\.npz: b holds objects"):
        save_arrays(tmp_path / "some.npz", {"a": np.arange(3), "b": np.array([{}, ()], dtype=object)})
    assert not list(tmp_path.iterdir())
