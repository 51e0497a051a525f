"""HMMER's phmmer and jackhmmer, in this process by pyhmmer."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from cryotools.core.progress import Progress
from cryotools.homologs.search.engines.interface import Match, SearchTask


class HmmerEngine:
    """phmmer, or jackhmmer where there are iterations (S. R. Eddy, PLoS Comput. Biol. 7, e1002195, 2011)."""

    name = "pyhmmer"
    has_iterations = True

    def missing(self) -> str:
        """The package that is not installed."""
        return "" if find_spec("pyhmmer") else "the package pyhmmer is not installed (pip install pyhmmer)"

    def version(self) -> str:
        """That of the package."""
        return version("pyhmmer")

    def search(self, task: SearchTask, reporter: Progress) -> Iterator[tuple[str, list[Match]]]:
        """The matches of each query, in one pass over the queries."""
        from pyhmmer import easel, hmmer

        alphabet = easel.Alphabet.amino()

        def digital(name: str, letters: str) -> Any:
            return easel.TextSequence(name=name, sequence=letters).digitize(alphabet)

        targets = easel.DigitalSequenceBlock(alphabet, [digital(str(k), one) for k, one in enumerate(task.targets)])
        queries = [digital(name, letters) for name, letters in task.queries.items()]
        settings: dict[str, Any] = {"cpus": task.threads, "E": task.evalue}
        results: Iterator[Any]
        if task.iterations == 1:
            results = hmmer.phmmer(queries, targets, **settings)
        else:
            rounds: Any = hmmer.jackhmmer(
                queries, targets, max_iterations=task.iterations, checkpoints=False, **settings
            )
            results = (last.hits for last in rounds)
        reporter.start(len(queries), "sequences searched")
        for (name, letters), hits in zip(task.queries.items(), results, strict=True):  # in the order of the queries
            matches = [one for hit in hits if hit.reported for one in _matches(name, letters, hit, task.evalue)]
            reporter.advance()
            if matches:
                yield name, matches


def _matches(query: str, letters: str, hit: Any, evalue: float) -> Iterator[Match]:
    """The domains of a hit that are significant, or else its best. States of a profile are positions of the query, but
    its consensus need not have the query's `letters`.
    """
    domains = [domain for domain in hit.domains if domain.i_evalue <= evalue] or [hit.best_domain]
    for domain in domains:
        found = domain.alignment
        own = iter(letters[found.hmm_from - 1 : found.hmm_to])
        yield Match(
            query=query,
            target=int(hit.name),
            evalue=float(hit.evalue),
            score=float(hit.score if domain is domains[0] else domain.score),
            query_start=found.hmm_from - 1,
            target_start=found.target_from - 1,
            query_aligned="".join("-" if letter == "." else next(own) for letter in found.hmm_sequence),
            target_aligned=found.target_sequence.upper(),
        )
