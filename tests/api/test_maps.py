"""Writing and comparing maps from Python."""

from __future__ import annotations

import numpy as np

import cryotools as ct


def test_scores_are_the_same_of_files_volumes_and_arrays(structure, map_file):
    other = ct.molmap(structure, 6, on_grid=map_file)
    a = ct.read_map(map_file)
    scores = ct.compare_maps(map_file, other).scores()
    assert 0.5 < scores["correlation_about_mean"] < 1
    assert ct.compare_maps(a, other).scores() == scores
    assert ct.compare_maps(a.data, other.data, voxel_size=1.5).scores() == scores
    near = ct.compare_maps(a, other, around=structure, radius=2.5).scores()
    assert near["n_voxels"] < scores["n_voxels"]


def test_written_arrays_and_volumes_come_back_with_a_line_of_provenance(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    ct.write_map(tmp_path / "array.mrc", values, voxel_size=1.5)
    ct.write_map(tmp_path / "volume.mrc", ct.Volume(values, (1.5, 1.5, 1.5)), label="mine")
    array, volume = (ct.read_map(tmp_path / name) for name in ("array.mrc", "volume.mrc"))
    assert array == volume == ct.Volume(values, (1.5, 1.5, 1.5))
    assert b"cryotools" in (tmp_path / "array.mrc").read_bytes()[224:304]
    assert (tmp_path / "volume.mrc").read_bytes()[224:304].startswith(b"mine")
