"""Engines: which one searches, what they yield, and that they agree."""

from __future__ import annotations

import math
import shutil
import stat
from importlib import metadata
from pathlib import Path

import pytest
from mutated_structures import backbone, mutated, sequence, shuffled

from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError
from cryotools.core.progress import NoProgress
from cryotools.homologs.search.engines.choose import ENGINE_NAMES, choose_engine, engine_versions
from cryotools.homologs.search.engines.interface import Match, SearchTask, one_per_target
from cryotools.homologs.search.engines.pairwise import PairwiseEngine, expected_hits, least_score
from cryotools.homologs.search.engines.programs import BlastEngine, MmseqsEngine


@pytest.fixture(scope="module")
def task(trypsin: Path) -> SearchTask:
    whole = backbone(trypsin)
    letters = sequence(whole)
    lacking = letters[:100] + letters[106:]
    return SearchTask({"q": letters}, [shuffled(letters), letters, sequence(mutated(whole, 0.4)), lacking])


def found(engine: str, task: SearchTask, iterations: int = 1) -> dict[int, Match]:
    (entry,) = choose_engine(engine, iterations).search(task, NoProgress())
    assert entry[0] == "q"
    return {one.target: one for one in one_per_target(entry[1], task.queries["q"], task.targets)}


@pytest.mark.parametrize(
    "engine",
    [
        "pyhmmer",
        "biopython",
        pytest.param(
            "mmseqs",
            marks=[pytest.mark.slow, pytest.mark.skipif(not shutil.which("mmseqs"), reason="MMseqs2 is not here")],
        ),
        pytest.param("blast", marks=pytest.mark.skipif(not shutil.which("blastp"), reason="BLAST+ is not here")),
    ],
)
def test_alignments_spell_the_sequences_that_they_align(engine: str, task: SearchTask) -> None:
    matches = found(engine, task)
    assert sorted(matches) == [1, 2, 3]
    query = task.queries["q"]
    for target, one in matches.items():
        assert len(one.query_aligned) == len(one.target_aligned)
        assert one.query_aligned.replace("-", "") == query[one.query_start : one.query_end]
        assert one.target_aligned.replace("-", "") == task.targets[target][one.target_start : one.target_end]
    assert matches[1].identity == 1
    assert matches[2].identity == pytest.approx(0.6, abs=0.03)
    assert matches[3].query_aligned.count("-") == 0
    assert matches[3].target_aligned.count("-") == 6


def test_the_fall_back_is_named_where_the_default_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryotools.homologs.search.engines.hmmer.find_spec", lambda _: None)
    with pytest.warns(CryotoolsNote, match=r"pyhmmer is not installed.*Biopython's aligner searches instead"):
        assert isinstance(choose_engine("auto"), PairwiseEngine)
    with pytest.raises(DataError, match=r"`engine=pyhmmer`: the package pyhmmer is not installed .*`engine=auto`"):
        choose_engine("pyhmmer")


@pytest.mark.parametrize("name", ["mmseqs", "blast"])
def test_a_program_that_is_not_there_is_named_with_its_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match=r"not on the PATH \(packages: Debian"):
        choose_engine(name)


@pytest.mark.parametrize(
    ("name", "iterations", "words"),
    [
        ("hhblits", 1, "`engine` hhblits: give auto, pyhmmer, mmseqs, blast or biopython"),
        ("biopython", 2, "biopython searches once; use pyhmmer or mmseqs"),
        ("auto", 0, "`iterations` 0"),
    ],
)
def test_engines_that_do_not_exist_or_do_not_iterate_are_refused(name: str, iterations: int, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        choose_engine(name, iterations)


def test_expected_hits_are_those_of_karlin_and_altschul() -> None:
    assert expected_hits(100, 200, 10_000) == pytest.approx(0.041 * 200 * 10_000 * math.exp(-26.7))
    assert expected_hits(least_score(1e-3, 200, 10_000), 200, 10_000) == pytest.approx(1e-3)


def test_the_fall_back_scores_with_blosum62_and_affine_gaps() -> None:
    query, target = "WWWWWWWWWWCCCCCCCCCC", "WWWWWWWWWWAAACCCCCCCCCC"
    ((_, (one,)),) = PairwiseEngine().search(SearchTask({"q": query}, [target], evalue=10), NoProgress())
    score = 10 * 11 + 10 * 9 - (11 + 3)
    assert one.evalue == pytest.approx(expected_hits(score, len(query), len(target)))
    assert (one.query_aligned, one.target_aligned) == ("W" * 10 + "---" + "C" * 10, target)


def test_parts_of_a_target_in_the_same_order_are_one_alignment() -> None:
    query, target = "ACDEFGHIKL", "MACDWWWFGHKLM"
    first = Match("q", 0, 1e-9, 50, 0, 1, "ACD", "ACD")
    second = Match("q", 0, 1e-9, 20, 4, 7, "FGH", "FGH")
    repeat = Match("q", 0, 1e-9, 10, 0, 10, "AC", "KL")
    (one,) = one_per_target([second, repeat, first], query, [target])
    assert (one.query_start, one.target_start, one.score) == (0, 1, 50)
    assert one.query_aligned == "ACDE---FGH"
    assert one.target_aligned == "ACD-WWWFGH"


def test_the_best_hit_comes_first() -> None:
    def match(target: int, evalue: float) -> Match:
        return Match("q", target, evalue, -math.log(evalue), 0, 0, "AC", "AC")

    hits = one_per_target([match(0, 1e-4), match(1, 1e-9), match(0, 1e-5)], "AC", ["AC", "AC"])
    assert [(one.target, one.evalue) for one in hits] == [(1, 1e-9), (0, 1e-5)]


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_program_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: SearchTask) -> None:
    program(tmp_path / "bin", "mmseqs", "echo Illegal instruction >&2; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    with pytest.raises(DataError, match="mmseqs failed: Illegal instruction"):
        list(MmseqsEngine().search(task, NoProgress()))


def test_tables_of_programs_are_read_query_by_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["0 1 1e-9 50 2 4 1 3 CDE CDE", "0 0 1e-3 20 1 2 5 6 AC AC", "2 0 1e-5 30 1 2 1 2 AC AC"]
    table = "".join(line.replace(" ", r"\t") + r"\n" for line in lines)
    program(tmp_path / "bin", "makeblastdb", "exit 0")
    program(tmp_path / "bin", "blastp", f"while [ $1 != -out ]; do shift; done; printf '{table}' > $2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    task = SearchTask({"a": "ACDE", "b": "WWWW", "c": "ACAC"}, ["ACACACAC", "CDE"])
    results = dict(BlastEngine().search(task, NoProgress()))
    assert list(results) == ["a", "c"]
    assert results["a"][0] == Match("a", 1, 1e-9, 50, 1, 0, "CDE", "CDE")
    assert (results["a"][1].target_end, results["c"][0].evalue) == (6, 1e-5)


def test_versions_are_those_of_packages_and_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, line in (("mmseqs", "13.45111"), ("blastp", "blastp: 2.12.0+"), ("makeblastdb", "")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{line}'\necho more\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = engine_versions()
    assert list(found) == list(ENGINE_NAMES[1:])
    assert (found["mmseqs"], found["blast"]) == ("13.45111", "2.12.0+")
    assert found["biopython"] == metadata.version("biopython")
    (tmp_path / "makeblastdb").unlink()
    (tmp_path / "mmseqs").write_text("no program")
    assert engine_versions()["blast"].startswith("no: the programs blastp and makeblastdb are not on the PATH")
    assert engine_versions()["mmseqs"].startswith("does not run")
