"""Searches that find what was made to be found, by the default engine and by the one that needs nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mutated_structures import shuffled

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.files.archive import Cache
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.search.conservation import conservation
from cryotools.homologs.search.database import ChainDatabase, KnownChain, open_database
from cryotools.homologs.search.find import SearchOptions, search_homologs
from cryotools.homologs.search.hits import HomologFolder, read_homologs

DEFAULT_AND_FALL_BACK = pytest.mark.parametrize("engine", ["auto", "biopython"])


@pytest.fixture
def database(database_and_query: tuple[Path, str]) -> ChainDatabase:
    with pytest.warns(CryotoolsWarning, match=r"left out of the database: .*damaged\.pdb"):
        return open_database(database_and_query[0])


@pytest.fixture
def query(database_and_query: tuple[Path, str]) -> str:
    return database_and_query[1]


def names(found: HomologFolder) -> list[str]:
    return [one.source.name for one in found.homologs]


@DEFAULT_AND_FALL_BACK
def test_homologs_are_found_in_the_order_of_their_likeness(
    engine: str, database: ChainDatabase, query: str, tmp_path: Path
) -> None:
    found = search_homologs({"trypsin": query}, tmp_path / "out", database, SearchOptions(engine=engine))
    assert names(found) == ["twin.cif", "near.cif", "far.pdb.gz", "part.cif"]
    twin, near, far, part = found.homologs
    assert (twin.identity, twin.coverage) == (1, 1)
    assert near.identity == pytest.approx(0.7, abs=0.02)
    assert far.identity == pytest.approx(0.5, abs=0.04)
    assert part.identity == pytest.approx(0.8, abs=0.03)
    assert part.coverage == pytest.approx(100 / len(query), abs=0.02)
    assert part.query_from == pytest.approx(81, abs=3)
    assert part.target_from <= 3
    assert twin.evalue < near.evalue < far.evalue < 1e-3


@DEFAULT_AND_FALL_BACK
def test_the_folder_comes_back_as_it_was_found(
    engine: str, database: ChainDatabase, query: str, tmp_path: Path
) -> None:
    found = search_homologs({"sp|P1|X": query}, tmp_path / "out", database, SearchOptions(engine=engine))
    again = read_homologs(tmp_path / "out")
    assert again.sequences == found.sequences == {"sp|P1|X": query}
    assert [one.path for one in again.homologs] == [one.path for one in found.homologs]
    for one, other in zip(found.homologs, again.homologs, strict=True):
        assert (one.query_aligned, one.target_aligned) == (other.query_aligned, other.target_aligned)
        assert other.identity == pytest.approx(one.identity, abs=1e-4)
        assert other.source == one.source.resolve()
    assert again.alignment_file("sp|P1|X").name == "sp_P1_X.a3m"


def test_written_chains_are_the_aligned_residues(database: ChainDatabase, query: str, tmp_path: Path) -> None:
    found = search_homologs({"q": query[50:150]}, tmp_path / "out", database)
    one = found.homologs[0]
    residues = find_residues(read_structure(one.path))
    assert residues.sequences()[one.chain] == query[50:150]
    at, which = one.aligned_residues(residues)
    assert at.tolist() == which.tolist() == list(range(100))
    whole = find_residues(read_structure(one.source))
    at, which = one.aligned_residues(whole)
    assert which.tolist() == list(range(50, 150))
    assert np.array_equal(whole.ca[which], residues.ca)


def test_chains_and_entries_are_kept_whole_if_asked(query: str, trypsin: Path, tmp_path: Path) -> None:
    database = ChainDatabase("x", (KnownChain("1gbt:A", query, trypsin, "A"),))
    kept = {}
    for keep in ("aligned", "chain", "entry"):
        found = search_homologs({"q": query[50:150]}, tmp_path / keep, database, SearchOptions(keep=keep))
        kept[keep] = read_structure(found.homologs[0].path)
    assert len(kept["aligned"]) < len(kept["chain"]) < len(kept["entry"]) == len(read_structure(trypsin))
    assert find_residues(kept["chain"]).sequences() == {"A": query}


@DEFAULT_AND_FALL_BACK
def test_what_is_too_alike_too_unlike_too_short_or_too_many_is_not_kept(
    engine: str, database: ChainDatabase, query: str
) -> None:
    def kept(**rules: float) -> list[str]:
        options = SearchOptions(engine=engine, **rules)
        return names(search_homologs({"q": query}, None, database, options))

    assert kept(exclude_identity=0.95) == ["near.cif", "far.pdb.gz", "part.cif"]
    assert kept(min_identity=0.6) == ["twin.cif", "near.cif", "part.cif"]
    assert kept(min_coverage=0.9) == ["twin.cif", "near.cif", "far.pdb.gz"]
    assert kept(max_hits=1) == ["twin.cif"]


def test_the_alignment_holds_all_hits_and_tells_what_is_conserved(
    database: ChainDatabase, query: str, tmp_path: Path
) -> None:
    options = SearchOptions(exclude_identity=0.95, max_hits=1)
    found = search_homologs({"q": query}, tmp_path / "out", database, options)
    text = found.alignment_file("q").read_text()
    assert [line.split()[0] for line in text.splitlines() if line.startswith(">")] == [
        ">q",
        ">twin.cif:A",
        ">near.cif:A",
        ">far.pdb.gz:A",
        ">part.cif:A",
    ]
    score = conservation(found.alignment_file("q"), share=1)
    near = find_residues(read_structure(database.chains[1].path)).letters
    far = find_residues(read_structure(database.chains[0].path)).letters
    same = (near == list(query)) & (far == list(query))
    assert score[same].mean() > score[~same].mean() + 0.05


@DEFAULT_AND_FALL_BACK
def test_a_query_without_homologs_is_named_and_leaves_an_empty_table(
    engine: str, database: ChainDatabase, query: str, tmp_path: Path
) -> None:
    queries = {"q": query, "noise": shuffled(query, seed=7)}
    with pytest.warns(CryotoolsWarning, match="no homolog of sequence noise is in"):
        found = search_homologs(queries, tmp_path / "both", database, SearchOptions(engine=engine))
    assert {one.query for one in found.homologs} == {"q"}
    with pytest.warns(CryotoolsWarning, match="no homolog of sequence noise"):
        search_homologs({"noise": queries["noise"]}, tmp_path / "none", database, SearchOptions(engine=engine))
    assert read_homologs(tmp_path / "none").homologs == ()
    assert (tmp_path / "none/homologs.csv").read_text().count("\n") == 1


def test_hits_that_the_limits_leave_out_are_mentioned(database: ChainDatabase, query: str) -> None:
    options = SearchOptions(min_identity=0.99, min_coverage=1)
    part = query[:90]
    with pytest.warns(CryotoolsWarning, match="no homolog of sequence n is in .*there are hits, but the limits"):
        search_homologs({"q": query, "n": part[:45] + shuffled(part[45:])}, None, database, options)


def test_many_queries_are_searched_in_one_pass(database: ChainDatabase, query: str, tmp_path: Path) -> None:
    queries = {f"s{seed}": shuffled(query, seed=100 + seed) for seed in range(40)} | {"real": query}
    with pytest.warns(CryotoolsWarning, match=r"no homolog of 40 of 41 sequences .*\(s0, s1, .*, \.\.\.\)"):
        found = search_homologs(queries, tmp_path / "out", database, SearchOptions(evalue=1e-6))
    assert {one.query for one in found.homologs} == {"real"}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.a3m")) == ["real.a3m"]


def test_iterations_find_what_one_search_finds(database: ChainDatabase, query: str) -> None:
    found = search_homologs({"q": query}, None, database, SearchOptions(iterations=3))
    assert set(names(found)) >= {"twin.cif", "near.cif", "far.pdb.gz", "part.cif"}
    for one in found.homologs:
        aligned = one.query_aligned.replace("-", "")
        assert aligned == query[one.query_from - 1 : one.query_to]  # the query's letters, not a profile's


class LocalArchive(Cache):
    """Entries that lie in a folder."""

    def model_file(self, accession: str) -> Path:
        path = self.folder / f"{accession}.cif"
        if not path.exists():
            raise DataError(f"PDB {accession.upper()}: the archive has no such file")
        return path


def test_structures_known_by_their_ids_are_downloaded(query: str, trypsin: Path, tmp_path: Path) -> None:
    near = query[:60] + "WWW" + query[63:]
    known = [KnownChain("1gbt_A", query, None, "A"), KnownChain("9zzz_A", near, None, "A")]
    database = ChainDatabase("seqres.fasta", tuple(known))
    with pytest.warns(CryotoolsWarning, match=r"structures are missing for 2 of the homologs .*`fetch=True`"):
        assert search_homologs({"q": query}, tmp_path / "without", database).homologs == ()
    assert (tmp_path / "without/homologs.csv").read_text().count("\nq,") == 2
    with pytest.warns(CryotoolsWarning, match="homologs without a structure: PDB 9ZZZ"):
        found = search_homologs({"q": query}, tmp_path / "with", database, downloads=LocalArchive(trypsin.parent))
    assert [(one.source, one.chain) for one in found.homologs] == [(trypsin, "A")]


def test_a_chain_that_has_nothing_where_it_is_aligned_is_left_out(query: str, trypsin: Path, tmp_path: Path) -> None:
    other = ChainDatabase("x", (KnownChain("1gbt:B", shuffled(query), trypsin, "B"),))
    with (
        pytest.warns(CryotoolsWarning, match="no chain with this sequence"),
        pytest.warns(CryotoolsWarning, match="no homolog of sequence q"),
    ):
        found = search_homologs({"q": shuffled(query)}, tmp_path / "out", other)
    assert found.homologs == ()


def test_a_homolog_whose_aligned_part_has_no_coordinates_is_left_out(query: str, trypsin: Path, tmp_path: Path) -> None:
    unseen = shuffled(query)[:80]
    other = ChainDatabase("x", (KnownChain("1gbt:A", unseen + query, trypsin, "A"),))
    with (
        pytest.warns(CryotoolsWarning, match="chain A has no coordinates where it is aligned"),
        pytest.warns(CryotoolsWarning, match="no homolog of sequence q"),
    ):
        search_homologs({"q": unseen}, tmp_path / "out", other)
    found = search_homologs({"q": unseen + query[:100]}, tmp_path / "out", other).homologs[0]
    at, which = found.aligned_residues(find_residues(read_structure(found.path)))
    assert at.tolist() == list(range(80, 180))
    assert which.tolist() == list(range(100))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_identity": 50}, "`min_identity` 50: give a share from 0 to 1"),
        ({"exclude_identity": -0.1}, "`exclude_identity` -0.1"),
        ({"evalue": float("nan")}, "`evalue` nan"),
        ({"max_hits": 0}, "`max_hits` 0"),
        ({"keep": "ligand"}, "`keep` ligand: give aligned, chain or entry"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        SearchOptions(**options)


def test_results_do_not_go_into_the_database_or_over_a_file(
    database: ChainDatabase, query: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is the database"):
        search_homologs({"q": query}, database.name, database)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        search_homologs({"q": query}, tmp_path / "file", database)


def test_a_search_that_fails_leaves_nothing(
    database: ChainDatabase, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryotools.homologs.search.find.one_per_target", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        search_homologs({"q": query}, tmp_path / "out", database)
    assert list(tmp_path.iterdir()) == []
