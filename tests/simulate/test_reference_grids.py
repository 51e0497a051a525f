"""Grids that ChimeraX's molmap and EMAN2 2.99.72 gave a fragment of 8I2H, for two atoms at its corners."""

from __future__ import annotations

import pytest
from small_structures import A, write_pdb

from cryotools.simulate.classical.chimerax import MolmapOptions, molmap
from cryotools.simulate.classical.eman import EmanOptions, pdb2mrc

CORNERS = [A("C", (94.067, 87.902, 35.749)), A("C", (124.237, 133.218, 81.218), number=2)]


@pytest.fixture
def corners(tmp_path):
    return str(write_pdb(tmp_path / "corners.pdb", CORNERS))


@pytest.mark.parametrize(
    ("options", "shape_xyz", "origin"),
    [
        (MolmapOptions(4.0), (41, 52, 53), (82.48533630, 76.55999756, 23.81683350)),
        (MolmapOptions(4.0, 1.0), (55, 70, 70), (82.15200043, 76.05999756, 23.98349953)),
        (MolmapOptions(2.0, 0.7), (61, 82, 83), (88.15200043, 82.21000000, 29.78350067)),
    ],
)
def test_molmap_lays_the_grid_that_chimerax_laid(corners, options, shape_xyz, origin):
    volume, _ = molmap(corners, options)
    assert volume.data.shape[::-1] == shape_xyz
    assert volume.origin == pytest.approx(origin, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "shape_xyz", "nstart"),
    [
        (EmanOptions(1.0, 4.0, center=True), (94, 94, 94), (-47, -47, -47)),
        (EmanOptions(0.7, 2.0, center=True), (129, 129, 129), (-64, -64, -64)),
        (EmanOptions(1.0, 4.0, center=True, quick=True), (38, 54, 54), (-19, -27, -27)),
    ],
)
def test_pdb2mrc_lays_the_box_that_eman_laid(corners, options, shape_xyz, nstart):
    volume, _ = pdb2mrc(corners, options)
    assert volume.data.shape[::-1] == shape_xyz
    assert volume.grid.nstart() == nstart


@pytest.mark.filterwarnings("ignore:voxels of 2 A are too large")
def test_pdb2mrcs_box_is_the_mended_one_and_an_older_releases_can_be_asked_for(tmp_path):
    # EMAN2 2.99.72 by its tag leaves the extent undivided by the voxel size: 72 voxels, where its successors lay 37
    ends = str(write_pdb(tmp_path / "ends.pdb", [A("C", (0, 0, 0)), A("C", (36.5, 1, 2), number=2)]))
    assert pdb2mrc(ends, EmanOptions(2.0, center=True))[0].data.shape == (37, 37, 37)
    assert pdb2mrc(ends, EmanOptions(2.0, center=True, box="72"))[0].data.shape == (72, 72, 72)
