"""Measurements 1 and 2: scores per residue, map by map, beside one class for all and beside other programs.

    python tests/benchmarks/sse/scores.py pairs.csv --weights-of-fold '0=a.safetensors,1=b.safetensors,…'

With a network for each fold, every map is judged by one that never saw its fold: cross-validation.
"""

from __future__ import annotations

from collections.abc import Sequence

from cases import parser, predictor
from peers import HARUSPEX, peers_of, q3_within
from tables import beside, interval, number, table

from cryotools.curation.pairlist import Entry, read_list
from cryotools.sse.evaluate import Evaluation, evaluate_list, summary
from cryotools.sse.score import MapScores

FINE = 4.0  # Å; Haruspex's limit
F1 = ("f1_helix", "f1_sheet", "f1_nucleotide", "f1_other")
WITH_BASELINE = ("recall", "precision", "q3")
HEADER = ("recall", "precision", "Q3", "F1 helix", "F1 sheet", "F1 nucleotide", "F1 other", "ECE")


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = parser(__doc__).parse_args(arguments)
    entries = read_list(chosen.list)
    found = list(evaluate_list(entries, predictor(chosen)))
    print("\n## Scores per residue\n\nIn brackets: one class, the commonest, for all residues.\n")
    print(per_map(entries, found))
    print("\nOver maps, with 95 % bootstrap intervals; one class for all has lines of its own.\n")
    print(over_groups(found))
    print(
        "\nOther programs were judged on the residues numbered beside their scores, which are not always all of ours."
    )
    print(f"\nPublished by Haruspex: {HARUSPEX}.\n")
    print("\n".join(verdicts(entries, found)))


def per_map(entries: Sequence[Entry], found: Sequence[Evaluation]) -> str:
    """A line per map."""
    rows = []
    for entry, each in zip(entries, found, strict=True):
        peers = "; ".join(str(peer) for peer in peers_of(entry))
        spans = {peer.span for peer in peers_of(entry) if peer.span} if each.residues else set()
        peers += "".join(f"; ours there {number(q3_within(each.residues, span))}" for span in spans)
        size = f"{each.scores.n_residues} ({each.scores.n_dense})" if each.scores else each.error
        cells = _cells(each.scores) if each.scores else ["-"] * len(HEADER)
        rows.append([each.id, number(each.resolution, 1), size, *cells, peers])
    return table(("map", "Å", "residues (dense)", *HEADER, "Q3 of others"), rows)


def over_groups(found: Sequence[Evaluation]) -> str:
    """Median and mean over all maps, those up to 4 Å, those beyond, and those whose resolution is not known."""
    scored = [each for each in found if each.scores]
    groups = {
        "all": scored,
        f"up to {FINE:g} Å": [each for each in scored if each.resolution <= FINE],
        f"beyond {FINE:g} Å": [each for each in scored if each.resolution > FINE],
        "unknown Å": [each for each in scored if each.resolution != each.resolution],
    }
    rows = []
    for name, group in groups.items():
        for statistic, scores in (summary(group) if group else {}).items():
            title = f"{statistic}, {name} ({len(group)})"
            rows.append([title, *(interval(scores[key]) for key in (*WITH_BASELINE, *F1, "ece"))])
            baseline = [interval(scores[f"{key}_baseline"]) for key in WITH_BASELINE]
            rows.append([f"{title}, one class", *baseline, *[""] * (len(F1) + 1)])
    return table(("maps", *HEADER), rows)


def verdicts(entries: Sequence[Entry], found: Sequence[Evaluation]) -> list[str]:
    """On how many maps the network beats one class for all, and every other program."""
    lines = []
    scored = [(entry, each.scores) for entry, each in zip(entries, found, strict=True) if each.scores]
    for words, pairs in (
        (f"up to {FINE:g} Å", [pair for pair in scored if pair[0].resolution <= FINE]),
        (f"beyond {FINE:g} Å", [pair for pair in scored if pair[0].resolution > FINE]),
    ):
        amino = [(entry, scores) for entry, scores in pairs if scores.q3 == scores.q3]
        lines.append(_count(f"Q3 above the majority class, {words}", [(e.id, s.q3 > s.q3_baseline) for e, s in amino]))
    compared = [
        (entry.id, all(q3_within(each.residues, peer.span) > peer.q3 for peer in peers_of(entry)))
        for entry, each in zip(entries, found, strict=True)
        if each.residues and peers_of(entry)
    ]
    lines.append(_count("Q3 above every other program on its residues", compared))
    return lines


def _cells(scores: MapScores) -> list[str]:
    pairs = [beside(getattr(scores, key), getattr(scores, f"{key}_baseline")) for key in WITH_BASELINE]
    return [*pairs, *(number(getattr(scores, key)) for key in F1), number(scores.ece)]


def _count(what: str, won: Sequence[tuple[str, bool]]) -> str:
    lost = [name for name, yes in won if not yes]
    exceptions = f"; not {', '.join(lost)}" if lost else ""
    return f"- {what}: {len(won) - len(lost)} of {len(won)} maps{exceptions}"


if __name__ == "__main__":
    main()
