"""What a search engine takes and gives, and several local alignments of one target as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from cryotools.core.progress import Progress


@dataclass(frozen=True)
class Match:
    """A local alignment of a query with a sequence of the database.

    Attributes
    ----------
    query : its name
    target : the index of the sequence in the database
    evalue, score : hits of this score expected by chance in the database; bits
    query_start, target_start : where the alignment begins, from 0
    query_aligned, target_aligned : the letters aligned, - for gaps
    """

    query: str
    target: int
    evalue: float
    score: float
    query_start: int
    target_start: int
    query_aligned: str
    target_aligned: str

    @property
    def query_end(self) -> int:
        """One past the last letter of the query."""
        return self.query_start + len(self.query_aligned) - self.query_aligned.count("-")

    @property
    def target_end(self) -> int:
        """One past the last letter of the target."""
        return self.target_start + len(self.target_aligned) - self.target_aligned.count("-")

    @property
    def identity(self) -> float:
        """The share of equal letters among columns without a gap; 0 if there are none."""
        equal = sum(a == b != "-" for a, b in zip(self.query_aligned, self.target_aligned, strict=True))
        return equal / max(self.aligned, 1)

    @property
    def aligned(self) -> int:
        """The number of columns without a gap."""
        return sum(a != "-" != b for a, b in zip(self.query_aligned, self.target_aligned, strict=True))


@dataclass(frozen=True)
class SearchTask:
    """What to search, and how.

    Attributes
    ----------
    queries : sequences by name
    targets : the database's sequences
    evalue : largest E-value of a match
    iterations : 1 searches with the sequence; more, with a profile of what the last iteration found
    threads : processors
    """

    queries: Mapping[str, str]
    targets: Sequence[str]
    evalue: float = 1e-3
    iterations: int = 1
    threads: int = 1


class Engine(Protocol):
    """A way to search."""

    name: str
    has_iterations: bool

    def missing(self) -> str:
        """What to install if the engine cannot run here, else an empty string."""

    def version(self) -> str:
        """The version of an engine that is not missing."""

    def search(self, task: SearchTask, reporter: Progress) -> Iterator[tuple[str, list[Match]]]:
        """The name and matches of each query that has any; a target may have several matches."""


def one_per_target(matches: Iterable[Match], query: str, targets: Sequence[str]) -> list[Match]:
    """The matches of one query, the best first, with those of a target joined into one.

    The best is extended by those that lie wholly before or after it in both sequences; others, as of repeats, are
    dropped. What lies in between is aligned with gaps. `query` is the sequence itself.
    """
    by_target: dict[int, list[Match]] = {}
    for one in sorted(matches, key=_rank):
        by_target.setdefault(one.target, []).append(one)
    joined = [_joined(parts, query, targets[target]) for target, parts in by_target.items()]
    return sorted(joined, key=_rank)


def _rank(one: Match) -> tuple[float, float, int]:
    return one.evalue, -one.score, one.target


def _joined(parts: list[Match], query: str, target: str) -> Match:
    kept = parts[:1]
    for part in parts[1:]:
        if all(_before(part, other) or _before(other, part) for other in kept):
            kept.append(part)
    kept.sort(key=lambda one: one.query_start)
    above, below = kept[0].query_aligned, kept[0].target_aligned
    for last, part in pairwise(kept):
        left = query[last.query_end : part.query_start]
        right = target[last.target_end : part.target_start]
        above += left + "-" * len(right) + part.query_aligned
        below += "-" * len(left) + right + part.target_aligned
    first = kept[0]
    return replace(
        parts[0],
        query_start=first.query_start,
        target_start=first.target_start,
        query_aligned=above,
        target_aligned=below,
    )


def _before(one: Match, other: Match) -> bool:
    return one.query_end <= other.query_start and one.target_end <= other.target_start
