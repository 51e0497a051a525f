"""A structure and a map of it, as functions of the Python API take them."""

from __future__ import annotations

import pytest

import cryotools as ct


@pytest.fixture(scope="module")
def structure(trypsin):
    return ct.read_structure(trypsin)


@pytest.fixture(scope="module")
def map_file(structure, tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "trypsin.mrc"
    ct.write_map(path, ct.molmap(structure, 4, grid_spacing=1.5))
    return path
