"""Which engine searches."""

from __future__ import annotations

import warnings

from cryotools.core.errors import ArgumentError, CryotoolsNote, DataError, check_choice
from cryotools.homologs.search.engines.hmmer import HmmerEngine
from cryotools.homologs.search.engines.interface import Engine
from cryotools.homologs.search.engines.pairwise import PairwiseEngine
from cryotools.homologs.search.engines.programs import BlastEngine, MmseqsEngine

AUTO = "auto"
_ENGINES: tuple[type[Engine], ...] = (HmmerEngine, MmseqsEngine, BlastEngine, PairwiseEngine)
ENGINE_NAMES = (AUTO, *(engine.name for engine in _ENGINES))


def choose_engine(name: str = AUTO, iterations: int = 1) -> Engine:
    """The engine called `name`; for "auto" pyhmmer, or Biopython's aligner with a note if that is not installed.

    Raises
    ------
    ArgumentError
        There is no such engine, or it has no iterations.
    DataError
        The engine asked for cannot run here.
    """
    check_choice("engine", name, ENGINE_NAMES)
    if iterations < 1:
        raise ArgumentError("iterations", iterations, "give a number from 1 on")
    engine: Engine = HmmerEngine() if name == AUTO else next(each() for each in _ENGINES if each.name == name)
    missing = engine.missing()
    if missing and name != AUTO:
        raise DataError(f"`engine={name}`: {missing}; install it, or use `engine=auto`")
    if missing:
        warnings.warn(
            f"{missing}: Biopython's aligner searches instead, which is slower and finds fewer distant homologs",
            CryotoolsNote,
            stacklevel=3,
        )
        engine = PairwiseEngine()
    if iterations > 1 and not engine.has_iterations:
        having = " or ".join(each.name for each in _ENGINES if each.has_iterations)
        raise ArgumentError("iterations", iterations, f"{engine.name} searches once; use {having} for more")
    return engine


def engine_versions() -> dict[str, str]:
    """For each engine, the default first, its version, or what is missing."""
    engines = [each() for each in _ENGINES]
    return {one.name: f"no: {one.missing()}" if one.missing() else one.version() for one in engines}
