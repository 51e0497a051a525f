"""Boxes of crystal density, from a crystal made of a few atoms."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

from cryotools.anchors.learning.crystals import Crystal, crystal_example, list_crystals, unrelated_crystals
from cryotools.core.errors import DataError


def make_crystal(folder: Path, resolution: float = 2.0) -> Crystal:
    """A stretch of chain in P 2 21 21 with its structure factors up to `resolution` Å."""
    folder.mkdir(parents=True)
    structure = gemmi.Structure()
    structure.cell = gemmi.UnitCell(44, 40, 52, 90, 90, 90)
    structure.spacegroup_hm = "P 2 2 21"
    chain = gemmi.Chain("A")
    for number in range(1, 9):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(number, " ")
        residue.entity_type = gemmi.EntityType.Polymer
        middle = np.array([8 + 3.3 * number, 10 + 0.9 * (-1) ** number, 12.0])
        for name, element, shift in (
            ("N", "N", (-1.2, 0.3, 0)),
            ("CA", "C", (0, 0, 0)),
            ("C", "C", (1.2, 0.3, 0)),
            ("O", "O", (1.3, 1.5, 0)),
            ("CB", "C", (0, -0.9, 1.2)),
        ):
            atom = gemmi.Atom()
            atom.name, atom.element, atom.b_iso = name, gemmi.Element(element), 20.0
            atom.pos = gemmi.Position(*(middle + shift))
            residue.add_atom(atom)
        chain.add_residue(residue)
    model = gemmi.Model(1)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_cell_images()
    structure.write_pdb(str(folder / "model.pdb"))
    density = gemmi.DensityCalculatorX()
    density.d_min = resolution
    density.set_grid_cell_and_spacegroup(structure)
    density.put_model_density_on_grid(structure[0])
    data = gemmi.transform_map_to_f_phi(density.grid, half_l=True).prepare_asu_data(dmin=resolution)
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup, mtz.cell = gemmi.SpaceGroup("P 2 2 21"), structure.cell
    mtz.add_dataset("made")
    mtz.add_column("FWT", "F")
    mtz.add_column("PHWT", "P")
    value = data.value_array
    phase = np.degrees(np.angle(value))
    mtz.set_data(np.column_stack([data.miller_array, np.abs(value), phase]).astype(np.float32))
    mtz.write_to_file(str(folder / "data.mtz"))
    return Crystal(folder / "model.pdb", folder / "data.mtz")


def test_density_lies_at_the_atoms_of_the_molecule_and_of_its_mates(tmp_path: Path) -> None:
    crystal = make_crystal(tmp_path / "one")
    example = crystal_example(crystal, np.random.default_rng(0))
    at = example.inside
    assert len(at) > 2 * 8  # the cell is smaller than the box
    index = np.rint(example.ca[at]).astype(int)
    density = example.density.astype(np.float32)
    at_ca = density[tuple(index.T[::-1])]
    assert at_ca.mean() > 3 * density[density > 0].mean()
    assert np.quantile(at_ca, 0.2) > np.quantile(density, 0.8)
    bonded = example.after >= 0
    assert np.allclose(np.linalg.norm(example.ca[bonded] - example.ca[example.after[bonded]], axis=1), 3.76, atol=0.02)


def test_a_folder_of_crystals_is_listed(tmp_path: Path) -> None:
    crystal = make_crystal(tmp_path / "set" / "one")
    (tmp_path / "set" / "empty").mkdir()
    assert list_crystals(tmp_path / "set") == [crystal]
    with pytest.raises(DataError, match="has no crystals"):
        list_crystals(tmp_path / "set" / "empty")


def test_relatives_of_held_out_maps_are_left_out_of_a_list(tmp_path: Path) -> None:
    one, two = (make_crystal(tmp_path / name) for name in ("one", "two"))
    listed = tmp_path / "list.csv"
    listed.write_text("file,homolog_of_fold\none/model.pdb,\ntwo/model.pdb,1\n")
    assert unrelated_crystals(str(listed), None) == [one, two]
    assert unrelated_crystals(str(listed), 1) == [one]
    assert unrelated_crystals(str(listed), 0, to_any=True) == [one]
    assert unrelated_crystals(str(tmp_path), 1) == [one, two]  # a folder tells nothing of relatives
    two.density.unlink()
    with pytest.raises(DataError, match="has no density beside it"):
        unrelated_crystals(str(listed), None)
    with pytest.raises(DataError, match="no such file or folder"):
        unrelated_crystals(str(tmp_path / "gone"), None)


def test_data_without_the_columns_are_refused(tmp_path: Path) -> None:
    crystal = make_crystal(tmp_path / "one")
    mtz = gemmi.read_mtz_file(str(crystal.density))
    mtz.columns[3].label = "F"
    mtz.write_to_file(str(tmp_path / "one" / "other.mtz"))
    with pytest.raises(DataError, match="no columns FWT and PHWT"):
        crystal_example(Crystal(crystal.model, tmp_path / "one" / "other.mtz"), np.random.default_rng(0))
