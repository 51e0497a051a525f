"""`make bench-homologs PAIRS=homolog_pairs.csv STRUCTURES=FOLDER`: which listed homologs each engine finds.

PAIRS has the columns pdb_a, chain_a, pdb_b, chain_b and seq_identity; structures are named after their entries. Each
chain a is searched among all structures; a pair is found if a chain of b is among the hits. The same sequences
backwards have no homologs, so their hits are by chance. It prints Markdown, for docs/homologs-accuracy.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.table import read_table
from cryotools.core.progress import NoProgress
from cryotools.homologs.search.chains import read_chains
from cryotools.homologs.search.database import ChainDatabase, open_database
from cryotools.homologs.search.engines.choose import choose_engine
from cryotools.homologs.search.engines.interface import SearchTask, one_per_target

BINS = ((0.3, 0.5), (0.5, 0.9), (0.9, 1.01))
SEARCHES = (("pyhmmer", 1), ("pyhmmer", 2), ("mmseqs", 1), ("mmseqs", 2), ("blast", 1), ("biopython", 1))


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("pairs")
    options.add_argument("structures")
    options.add_argument("--only", nargs="*", default=[], help="ENGINE or ENGINE:ITERATIONS")
    options.add_argument("--first", type=int, help="so many queries only")
    chosen = options.parse_args(arguments)
    folder = Path(chosen.structures)
    warnings.simplefilter("ignore", CryotoolsWarning)
    database = measure_extraction(folder)
    pairs = read_pairs(Path(chosen.pairs))
    files = {known.path.name.split(".")[0]: known.path for known in database.chains if known.path}
    queries = query_sequences(files, [one[0] for one in pairs])
    queries = dict(list(queries.items())[: chosen.first])
    pairs = [one for one in pairs if one[0] in queries and one[1] in files]
    print(f"\n{len(pairs)} pairs, {len(queries)} queries, {len(database.chains)} chains\n")
    columns = ("engine", "iterations", "30-50 %", "50-90 %", "90-100 %", "below 30 %", "chance", "identity", "CPU s")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for engine, iterations in SEARCHES:
        if not chosen.only or engine in chosen.only or f"{engine}:{iterations}" in chosen.only:
            print(measure(engine, iterations, database, queries, pairs), flush=True)


def measure_extraction(folder: Path) -> ChainDatabase:
    """The database, read twice, and how long that takes."""
    with tempfile.TemporaryDirectory() as cache:
        seconds = []
        for _ in range(2):
            start = cpu()
            database = open_database(folder, Path(cache))
            seconds.append(cpu() - start)
    print(f"{len(database.chains)} chains, {len(database.faults)} files left out: {seconds[0]:.1f} CPU s, ", end="")
    print(f"{seconds[1]:.2f} the second time")
    return database


def read_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Names of query and entry, and their identity."""
    columns = ("pdb_a", "chain_a", "pdb_b", "chain_b", "seq_identity")
    values = [row.values for row in read_table(path, columns)]
    return [(f"{one['pdb_a']}_{one['chain_a']}", one["pdb_b"], float(one["seq_identity"])) for one in values]


def query_sequences(files: Mapping[str, Path], names: Sequence[str]) -> dict[str, str]:
    """The sequences of chains called ENTRY_CHAIN."""
    chains: dict[str, str] = {}
    for name in dict.fromkeys(names):
        entry, chain = name.rsplit("_", 1)
        if entry in files and chain in (found := read_chains(files[entry])):
            chains[name] = found[chain]
    return chains


def measure(
    engine: str,
    iterations: int,
    database: ChainDatabase,
    queries: Mapping[str, str],
    pairs: Sequence[tuple[str, str, float]],
) -> str:
    """A row of the table."""
    try:
        choose_engine(engine, iterations)
    except DataError as missing:
        return f"| {engine} | {iterations} | {missing} |"
    start = cpu()
    found = hits(engine, iterations, database, queries)
    seconds = (cpu() - start) / len(queries)
    shares = []
    for low, high in BINS:
        listed = [(query, entry) in found for query, entry, identity in pairs if low <= identity < high]
        shares.append(f"{np.mean(listed):.3f} ({sum(listed)} of {len(listed)})" if listed else "")
    apart = [abs(found[query, entry] - identity) for query, entry, identity in pairs if (query, entry) in found]
    distant = sum(identity < BINS[0][0] for identity in found.values()) / len(queries)
    chance = len(hits(engine, iterations, database, {name: text[::-1] for name, text in queries.items()}))
    numbers = f"{distant:.2f} | {chance / len(queries):.4f} | {np.median(apart):.3f} | {seconds:.3f}"
    return f"| {engine} | {iterations} | {' | '.join(shares)} | {numbers} |"


def hits(
    engine: str, iterations: int, database: ChainDatabase, queries: Mapping[str, str]
) -> dict[tuple[str, str], float]:
    """The identity of each query and entry that has a chain like it."""
    targets = [known.letters for known in database.chains]
    names = [known.path.name.split(".")[0] for known in database.chains if known.path]
    task = SearchTask(queries, targets, iterations=iterations)
    return {
        (name, names[one.target]): one.identity
        for name, matches in choose_engine(engine, iterations).search(task, NoProgress())
        for one in one_per_target(matches, queries[name], targets)
    }


def cpu() -> float:
    """User and system seconds of this process and of programs that it ran."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
