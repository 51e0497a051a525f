"""Databases: sequences of structures, kept for the next time, and FASTA files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from mutated_structures import backbone, mutated, sequence

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.files.output import write_text
from cryotools.core.structures.structure import Structure, concatenate
from cryotools.core.structures.write import cif_text
from cryotools.homologs.search import database as module
from cryotools.homologs.search.chains import read_chains, without_copies
from cryotools.homologs.search.database import default_cache, name_parts, open_database


@pytest.fixture
def folder(trypsin: Path, tmp_path: Path) -> Path:
    place = tmp_path / "structures"
    (place / "gb").mkdir(parents=True)
    shutil.copy(trypsin, place / "gb/1gbt.cif")
    write_text(place / "near.cif", cif_text(mutated(backbone(trypsin), 0.3)))
    (place / "damaged.cif").write_text("data_x\nloop_\n_atom_site.id\n_atom_site.x\n1\n")
    return place


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files whose chains are read."""
    names: list[str] = []

    def counted(path: Path) -> dict[str, str]:
        names.append(path.name)
        return read_chains(path)

    monkeypatch.setattr(module, "read_chains", counted)
    return names


@pytest.mark.filterwarnings("ignore:left out of the database")
def test_sequences_are_read_once_and_again_where_a_file_has_changed(
    folder: Path, reads: list[str], tmp_path: Path
) -> None:
    first = open_database(folder, tmp_path / "cache")
    assert sorted(reads) == ["1gbt.cif", "damaged.cif", "near.cif"]
    reads.clear()
    again = open_database(folder, tmp_path / "cache")
    assert again == first
    assert reads == []
    os.utime(folder / "near.cif", ns=(0, 0))
    assert open_database(folder, tmp_path / "cache") == first
    assert reads == ["near.cif"]
    reads.clear()
    (folder / "near.cif").unlink()
    assert [one.name for one in open_database(folder, tmp_path / "cache").chains] == ["gb/1gbt.cif:A"]
    assert reads == []


def test_chains_are_named_after_their_files_and_damaged_ones_counted(folder: Path, trypsin: Path) -> None:
    with pytest.warns(CryotoolsWarning, match=r"left out of the database: .*damaged\.cif"):
        found = open_database(folder)
    assert [(one.name, one.path, one.chain) for one in found.chains] == [
        ("gb/1gbt.cif:A", folder / "gb/1gbt.cif", "A"),
        ("near.cif:A", folder / "near.cif", "A"),
    ]
    assert found.chains[0].letters == sequence(backbone(trypsin))
    assert len(found.faults) == 1


@pytest.mark.filterwarnings("ignore:left out of the database")
@pytest.mark.parametrize("damage", [b"no table", b"file,size,mtime_ns,chain,letters,fault\nnear.cif,x,1,'A,MKV,\n"])
def test_a_damaged_store_is_made_again(folder: Path, reads: list[str], damage: bytes, tmp_path: Path) -> None:
    first = open_database(folder, tmp_path / "cache")
    (store,) = (tmp_path / "cache").iterdir()
    store.write_bytes(damage)
    reads.clear()
    assert open_database(folder, tmp_path / "cache") == first
    assert len(reads) == 3


@pytest.mark.filterwarnings("ignore:left out of the database")
def test_a_cache_that_cannot_be_written_is_only_noted(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(CryotoolsNote, match="not kept for the next time"):
        assert len(open_database(folder, tmp_path / "file/cache").chains) == 2


@pytest.mark.filterwarnings("ignore:left out of the database")
def test_results_of_a_search_are_not_searched(folder: Path) -> None:
    (folder / "gb/homologs.csv").write_text("query\n")
    assert [one.name for one in open_database(folder).chains] == ["near.cif:A"]


def test_sequences_of_a_fasta_file_belong_to_structures_beside_it(folder: Path, trypsin: Path) -> None:
    letters = sequence(backbone(trypsin))
    shutil.copy(trypsin, folder / "AF-P1_2.cif")
    names = ["near_A", "NEAR:B", "AF-P1_2", "AF-P1_2_C", "near.cif|A", "1abc_A", "own"]
    text = "".join(f">{name}\n{letters}\n" for name in names) + ">short\nMKV\n>dna\nACGTACGTACGTACGT\n"
    (folder / "all.fasta").write_text(text)
    found = open_database(folder / "all.fasta").chains
    assert [(one.name, one.path and one.path.name, one.chain) for one in found] == [
        ("near_A", "near.cif", "A"),
        ("NEAR:B", "near.cif", "B"),
        ("AF-P1_2", "AF-P1_2.cif", ""),
        ("AF-P1_2_C", "AF-P1_2.cif", "C"),
        ("near.cif|A", "near.cif", "A"),
        ("1abc_A", None, "A"),
        ("own", None, ""),
    ]
    assert name_parts("1abc_A") == ("1abc", "A")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: place, "has no structures"),
        (lambda place: place / "gone", "no such file or folder"),
        (lambda place: place / "one.pdb", "is a structure; give the folder"),
        (lambda place: place / "dna.fasta", "has no protein of at least 10 residues"),
        (lambda place: place / "page.fasta", "is not FASTA"),
    ],
)
def test_what_is_no_database_is_said(make: object, words: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "dna.fasta").write_text(">d\nACGTACGTACGTACGT\n")
    (place / "page.fasta").write_text("a page\n")
    if "structure;" in words:
        (place / "one.pdb").write_text("END\n")
    with pytest.raises(DataError, match=words):
        open_database(make(place))  # type: ignore[operator]


def test_of_copies_of_a_chain_the_longest_is_taken(trypsin: Path) -> None:
    letters = sequence(backbone(trypsin))
    other = sequence(mutated(backbone(trypsin), 0.5))
    chains = {"A": letters[3:], "B": letters, "C": letters[:100] + letters[104:], "D": other}
    assert without_copies(chains) == {"B": letters, "D": other}
    assert without_copies({"A": letters, "B": letters}) == {"A": letters}


def test_chains_are_read_by_what_has_coordinates(trypsin: Path, tmp_path: Path) -> None:
    structure: Structure = backbone(trypsin)
    second = structure[:40]
    second = Structure(**{**second.__dict__, "chain": second.chain.astype("<U4")})
    second.chain[:] = "long"
    write_text(tmp_path / "two.cif", cif_text(concatenate([structure, second])))
    assert read_chains(tmp_path / "two.cif") == {"A": sequence(structure), "long": sequence(structure)[:10]}


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYOTOOLS_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("CRYOTOOLS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_cache() == tmp_path / "x/cryotools"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache/cryotools"
