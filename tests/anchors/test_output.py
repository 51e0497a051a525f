"""Anchors as files, read back by other readers."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest

from cryotools.anchors.detected import DetectedResidues, Detection
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.output import ALL_COLUMNS, COLUMNS, NAMES, check_format, script_file, write_anchors
from cryotools.core.errors import DataError, UsageError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.view.chimerax import MapSource

MAP = MapSource("map.mrc")


def detection(letters: str = "ACDE") -> Detection:
    """Residues in two paths of equal length, sure of their types, less and less."""
    n = len(letters)
    types = np.full((n, 20), 0.01, dtype=np.float32)
    types[np.arange(n), [AMINO_ACIDS.index(letter) for letter in letters]] = 0.7
    types[:, AMINO_ACIDS.index("W")] += 0.11
    each, half = np.arange(n), n // 2
    residues = DetectedResidues(
        ca=np.stack([3.8 * each, 0.0 * each, 0.0 * each], axis=1) + 0.125,
        mass=np.stack([3.8 * each, 0.0 * each + 1.5, 0.0 * each], axis=1),
        presence=np.full(n, 0.9, dtype=np.float32),
        types=types / types.sum(axis=1, keepdims=True),
        confidence=np.linspace(0.95, 0.35, n).astype(np.float32),
        before=np.where(each % half == 0, -1, each - 1).astype(np.int32),
        after=np.where(each % half == half - 1, -1, each + 1).astype(np.int32),
        path=(each // half).astype(np.int32),
        forward=np.full(n, 0.8, dtype=np.float32),
        state=np.tile(np.float32([0.2, 0.7, 0.1]), (n, 1)),
        density=np.ones(n, dtype=np.float32),
    )
    volume = Volume(np.zeros((8, 8, 20), dtype=np.float32), (1.0, 1.0, 1.0))
    nucleotides = {"P": (np.zeros((0, 3)), np.zeros(0)), "C4'": (np.zeros((0, 3)), np.zeros(0))}
    return Detection(volume, residues, nucleotides, Levels(0.0, 1.0, 5.0, None), 3.0)


def test_names_are_those_of_the_letters() -> None:
    assert tuple(gemmi.expand_one_letter_sequence(AMINO_ACIDS, gemmi.ResidueKind.AA)) == NAMES
    assert NAMES[AMINO_ACIDS.index("W")] == "TRP"


@pytest.mark.parametrize("suffix", [".pdb", ".cif"])
def test_structures_hold_one_ca_per_anchor_with_its_confidence(tmp_path: Path, suffix: str) -> None:
    found, path = detection(), tmp_path / f"out{suffix}"
    names = write_anchors(str(path), found, found.anchors(0.5), MAP)
    assert names == [str(path), str(tmp_path / "out.cxc")]
    read = gemmi.read_structure(str(path))
    residues = [residue for chain in read[0] for residue in chain]
    assert [residue.name for residue in residues] == ["ALA", "CYS", "ASP"]
    assert [residue[0].name for residue in residues] == ["CA"] * 3
    assert [residue[0].b_iso for residue in residues] == pytest.approx([95, 75, 55], abs=0.01)
    assert [residue[0].pos.x for residue in residues] == pytest.approx([0.125, 3.925, 7.725])
    numbers = [residue.seqid.num for residue in residues]
    assert numbers[1] == numbers[0] + 1
    assert numbers[2] > numbers[1] + 1  # another path
    script = (tmp_path / "out.cxc").read_text()
    assert f'open "out{suffix}"' in script
    assert "bfactor" in script


def test_the_table_has_the_runners_up(tmp_path: Path) -> None:
    found, path = detection(), tmp_path / "out.csv"
    assert write_anchors(str(path), found, found.anchors(0.7), MAP) == [str(path)]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [row["residue"] for row in rows] == ["ALA", "CYS"]
    assert [row["second"] for row in rows] == ["TRP", "TRP"]
    first = found.residues.types[0]
    expected = 0.95 * np.sort(first)[-2] / first.max()
    assert float(rows[0]["second_confidence"]) == pytest.approx(expected, abs=1e-3)


def test_the_full_table_has_neighbours_and_probabilities(tmp_path: Path) -> None:
    found, path = detection(), tmp_path / "out.csv"
    write_anchors(str(path), found, np.arange(4), MAP, every_head=True)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert tuple(rows[0]) == ALL_COLUMNS
    assert [(row["path"], row["before"], row["after"]) for row in rows] == [
        ("1", "", "2"),
        ("1", "1", ""),
        ("2", "", "4"),
        ("2", "3", ""),
    ]
    assert sum(float(rows[0][f"p_{letter}"]) for letter in AMINO_ACIDS) == pytest.approx(1, abs=2e-3)
    assert float(rows[0]["helix"]) == pytest.approx(0.7)


def test_the_full_table_ends_with_the_atoms_of_nucleotides(tmp_path: Path) -> None:
    found, path = detection(), tmp_path / "out.csv"
    places = {
        "P": (np.array([[1.0, 2.0, 3.5], [4.0, 5.0, 6.0]]), np.array([0.75, 0.5])),
        "C4'": (np.zeros((0, 3)),) * 2,
    }
    write_anchors(str(path), replace(found, nucleotides=places), np.arange(4), MAP, every_head=True)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["atom"] for row in rows] == ["CA"] * 4 + ["P"] * 2
    last = {key: value for key, value in rows[4].items() if value}
    assert last == {"x_A": "1.0000", "y_A": "2.0000", "z_A": "3.5000", "atom": "P", "presence": "0.7500"}
    write_anchors(str(path), replace(found, nucleotides=places), np.arange(4), MAP)
    assert len(path.read_text().splitlines()) == 5


@pytest.mark.parametrize("name", ["out.pdb.gz", "out.cif.bz2", "out.csv.gz"])
def test_files_are_compressed_by_their_suffix(tmp_path: Path, name: str) -> None:
    found = detection()
    for path in (tmp_path / name, tmp_path / Path(name).stem):
        names = write_anchors(str(path), found, np.arange(4), MAP)
        assert names[1:] == ([] if ".csv" in name else [str(tmp_path / "out.cxc")])
    with open_bytes(tmp_path / name) as stream:
        assert stream.read() == (tmp_path / Path(name).stem).read_bytes()
    assert (tmp_path / name).stat().st_size < (tmp_path / Path(name).stem).stat().st_size


@pytest.mark.parametrize("suffix", [".pdb", ".cif"])
def test_no_anchors_make_a_structure_without_atoms_and_a_script_that_shows_the_map(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_anchors(str(path), detection(), np.zeros(0, dtype=int), MAP)
    assert not sum(len(chain) for model in gemmi.read_structure(str(path)) for chain in model)
    with pytest.raises(DataError, match=r"no atoms|has no"):
        read_structure(path)
    opened = [line for line in (tmp_path / "out.cxc").read_text().splitlines() if line.startswith("open ")]
    assert len(opened) == 1


def test_the_script_shows_the_map_as_it_was_read(tmp_path: Path) -> None:
    write_anchors(
        str(tmp_path / "out.pdb"), detection(), np.arange(4), MapSource("map.mrc", inverted=True, placed=True)
    )
    script = (tmp_path / "out.cxc").read_text()
    assert "volume #1 voxelSize 1,1,1 origin 0,0,0\n" in script
    assert "level -0.5 " in script


def test_isolated_residues_have_no_neighbours_by_number() -> None:
    residues = detection("ACDEFG").residues
    alone = np.full(3, -1, dtype=np.int32)
    last = {key: np.append(getattr(residues, key)[:3], alone) for key in ("before", "after", "path")}
    assert replace(residues, **last).numbers.tolist() == [1, 2, 3, 5, 7, 9]
    assert residues.numbers.tolist() == [1, 2, 3, 5, 6, 7]


def test_positions_beyond_a_pdb_file_leave_nothing_behind(tmp_path: Path) -> None:
    found = detection()
    far = replace(found, residues=replace(found.residues, ca=found.residues.ca + 9999.0))
    with pytest.raises(DataError, match="do not fit into a PDB file"):
        write_anchors(str(tmp_path / "out.pdb"), far, np.arange(4), MAP)
    assert not list(tmp_path.iterdir())


def test_no_anchors_make_an_empty_table(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_anchors(str(path), detection(), np.zeros(0, dtype=int), MAP)
    assert path.read_text() == ",".join(COLUMNS) + "\n"


def test_other_formats_are_refused() -> None:
    with pytest.raises(UsageError, match=r"must end in .pdb, .cif or .csv"):
        check_format("anchors.txt")
    with pytest.raises(UsageError, match=r"anchors\.gz"):
        check_format("anchors.gz")


def test_the_script_has_the_name_of_the_structure() -> None:
    assert script_file("a.b/run1.5.cif.gz") == "a.b/run1.5.cxc"
    assert script_file("anchors.csv") is None
