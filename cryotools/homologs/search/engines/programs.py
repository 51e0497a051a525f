"""MMseqs2 and BLAST+, as programs found on the PATH."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from cryotools.core.errors import DataError
from cryotools.core.progress import Progress
from cryotools.homologs.search.engines.interface import Match, SearchTask

_MOST = "100000"  # hits per query


class MmseqsEngine:
    """MMseqs2, iterated with profiles (M. Steinegger and J. Söding, Nat. Biotechnol. 35, 1026, 2017)."""

    name = "mmseqs"
    has_iterations = True

    def missing(self) -> str:
        """The program that is not there."""
        where = "the program mmseqs is not on the PATH (packages: Debian mmseqs2, bioconda mmseqs2)"
        return "" if shutil.which("mmseqs") else where

    def version(self) -> str:
        """What the program says."""
        return _said(["mmseqs", "version"])

    def search(self, task: SearchTask, reporter: Progress) -> Iterator[tuple[str, list[Match]]]:
        """The matches of each query, after one run for all."""
        with tempfile.TemporaryDirectory(prefix="cryotools-") as folder:
            queries, targets, table = _files(task, Path(folder))
            reporter.start(1, "search by MMseqs2")
            columns = "query,target,evalue,bits,qstart,qend,tstart,tend,qaln,taln"
            words = ["mmseqs", "easy-search", queries, targets, table, f"{folder}/work", "--format-output", columns]
            words += ["-s", "7.5", "-e", f"{task.evalue:g}", "--max-seqs", _MOST, "--threads", str(task.threads)]
            if task.iterations > 1:
                words += ["--num-iterations", str(task.iterations)]
            _run(words)
            reporter.advance()
            yield from _table_matches(Path(table), list(task.queries))


class BlastEngine:
    """Protein BLAST of BLAST+ (C. Camacho et al., BMC Bioinformatics 10, 421, 2009)."""

    name = "blast"
    has_iterations = False

    def missing(self) -> str:
        """The program that is not there."""
        where = "the programs blastp and makeblastdb are not on the PATH (packages: Debian ncbi-blast+, bioconda blast)"
        return "" if shutil.which("blastp") and shutil.which("makeblastdb") else where

    def version(self) -> str:
        """What the program says, as in "blastp: 2.12.0+"."""
        return _said(["blastp", "-version"]).removeprefix("blastp: ")

    def search(self, task: SearchTask, reporter: Progress) -> Iterator[tuple[str, list[Match]]]:
        """The matches of each query, after one run for all."""
        with tempfile.TemporaryDirectory(prefix="cryotools-") as folder:
            queries, targets, table = _files(task, Path(folder))
            reporter.start(1, "search by BLAST")
            _run(["makeblastdb", "-in", targets, "-dbtype", "prot"])
            columns = "6 qseqid sseqid evalue bitscore qstart qend sstart send qseq sseq"
            words = ["blastp", "-query", queries, "-db", targets, "-out", table, "-outfmt", columns]
            words += ["-evalue", f"{task.evalue:g}", "-num_threads", str(task.threads), "-max_target_seqs", _MOST]
            _run(words)
            reporter.advance()
            yield from _table_matches(Path(table), list(task.queries))


def _said(words: list[str]) -> str:
    """The first line of what a program prints, or why it prints none."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run: {error}"
    lines = (done.stdout or done.stderr).split("\n")
    return lines[0].strip() or f"ends with exit code {done.returncode}"


def _files(task: SearchTask, folder: Path) -> tuple[str, str, str]:
    """Both sets of sequences as FASTA, named by their numbers, and the table to write."""
    queries, targets = folder / "queries.fasta", folder / "targets.fasta"
    _write(queries, enumerate(task.queries.values()))
    _write(targets, enumerate(task.targets))
    return str(queries), str(targets), str(folder / "hits.tsv")


def _write(path: Path, numbered: enumerate[str]) -> None:
    with path.open("w", encoding="ascii") as stream:
        stream.writelines(f">{number}\n{letters}\n" for number, letters in numbered)


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise DataError(f"{words[0]} failed: {said[-1] if said else f'exit code {done.returncode}'}")


def _table_matches(path: Path, names: Sequence[str]) -> Iterator[tuple[str, list[Match]]]:
    """The lines of a table of hits, in which those of a query follow one another."""
    if not path.exists():
        return
    with path.open(encoding="ascii") as stream:
        lines = (line.rstrip("\n").split("\t") for line in stream)
        for number, group in groupby(lines, key=lambda values: values[0]):
            yield names[int(number)], [_match(names[int(number)], values) for values in group]


def _match(query: str, values: Sequence[str]) -> Match:
    columns = ("evalue", "bits", "qstart", "qend", "tstart", "tend", "qaln", "taln")
    one: Mapping[str, str] = dict(zip(columns, values[2:], strict=True))
    return Match(
        query=query,
        target=int(values[1]),
        evalue=float(one["evalue"]),
        score=float(one["bits"]),
        query_start=int(one["qstart"]) - 1,
        target_start=int(one["tstart"]) - 1,
        query_aligned=one["qaln"].upper(),
        target_aligned=one["taln"].upper(),
    )
