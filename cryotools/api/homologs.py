"""Homologs of known structure from Python."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.maps.maplike import MapLike, as_volume

if TYPE_CHECKING:
    from cryotools.homologs.adapt.finetune import FineTuned
    from cryotools.homologs.search.hits import HomologFolder


def find_homologs(
    sequences: Mapping[str, str] | Path,
    out: Path | None = None,
    *,
    database: Path,
    engine: Literal["auto", "pyhmmer", "mmseqs", "blast", "biopython"] = "auto",
    iterations: int = 1,
    evalue: float = 1e-3,
    min_identity: float = 0.0,
    exclude_identity: float | None = None,
    min_coverage: float = 0.0,
    max_hits: int = 20,
    keep: Literal["aligned", "chain", "entry"] = "aligned",
    fetch: bool = False,
    cache: Path | None = None,
    threads: int = 1,
) -> HomologFolder:
    """Known structures with sequences similar to those of proteins; what `cryotools find-homologs` finds.

    Parameters
    ----------
    sequences : one-letter codes by name, or a FASTA file
    out : folder for the results; None writes nothing
    database : folder of structures, or FASTA file, to search
    iterations : searches, with a profile from the second on
    min_identity, min_coverage : least share of equal residues among aligned ones, and of the query that is aligned
    exclude_identity : leave out chains of this identity or more, as that of the query itself
    max_hits : the most homologs of a query
    keep : what to write of a structure: the aligned part of its chain, the chain, or the entry
    fetch : download structures that are known by their PDB ids only
    cache : folder for the sequences of the database and for downloads; None is ~/.cache/cryotools

    Raises
    ------
    UsageError
        An option is out of range, or `out` is the database.
    DataError
        The sequences or the database cannot be read or hold no protein, or the engine is missing or fails.
    """
    from cryotools.core.files.archive import Cache
    from cryotools.core.structures.fasta import read_fasta
    from cryotools.homologs.search.database import default_cache, open_database
    from cryotools.homologs.search.find import SearchOptions, search_homologs

    options = SearchOptions(
        engine=engine,
        iterations=iterations,
        evalue=evalue,
        min_identity=min_identity,
        exclude_identity=exclude_identity,
        min_coverage=min_coverage,
        max_hits=max_hits,
        keep=keep,
        threads=threads,
    )
    queries = sequences if isinstance(sequences, Mapping) else read_fasta(sequences)
    place = default_cache() if cache is None else pathlib.Path(cache)
    downloads = Cache((place or pathlib.Path()) / "downloads") if fetch else None
    return search_homologs(queries, out, open_database(database, place), options, downloads)


def finetune(
    volume: MapLike | np.ndarray,
    resolution: float,
    folder: Path,
    *,
    homologs: Path,
    task: Literal["sse", "anchors", "sites"] = "sse",
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    layers: int | None = 2,
    boxes: int = 24,
    steps: int = 100,
    batch: int = 4,
    learning_rate: float = 1e-3,
    every: int = 25,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
) -> FineTuned:
    """Fit a shipped network to one map, on maps simulated from homologs; `folder` receives the network, whose `path` is
    for the `weights` of `annotate_sse` and `locate_sites` or the `trace_weights` of `detect_anchors`.

    Parameters
    ----------
    resolution : of the map, Å
    homologs : folder made by find-homologs, or of structures
    task : the network: that of annotate-sse, of the chains of detect-anchors, or of locate-sites
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights : file of the network to start from; None for the shipped one
    layers : convolutions that learn, from the last; None for all
    boxes : simulated from the homologs, of which the last is held out
    every : steps between validations; the state of least loss on held-out boxes is kept
    resume : go on with the run in `folder`

    Raises
    ------
    UsageError
        The resolution or another option is out of range, or `folder` has a run and `resume` is not set.
    DataError
        The folder of homologs has none to learn from, a file is missing or damaged, or the weights are of another task.
    """
    from cryotools.homologs.adapt.finetune import FineTune
    from cryotools.homologs.adapt.finetune import finetune as fit
    from cryotools.homologs.adapt.kinds import tuned_kind

    start = None if weights is None else os.fspath(weights)
    settings = FineTune(task, layers, boxes, steps, learning_rate, batch, every, start, seed, device, precision)
    known = tuned_kind(task).homologs(homologs)
    return fit(as_volume(volume, voxel_size), resolution, known, folder, settings, resume=resume)
