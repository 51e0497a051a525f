"""The scores of a model as text."""

from __future__ import annotations

from cryotools.modelling.geometry.check import GeometrySummary
from cryotools.modelling.scoring.agreement import RADII, Agreement
from cryotools.modelling.scoring.confidence import ConfidenceScores
from cryotools.modelling.scoring.mapfit import MapFit
from cryotools.modelling.scoring.score import ModelScores


def scores_report(scores: ModelScores) -> str:
    """The main scores, a line each, under a heading for geometry, reference and map."""
    lines = [f"{len(scores.trace)} residues in {len(set(scores.trace.chain.tolist()))} chains"]
    lines += _geometry(scores.geometry.summary)
    if scores.agreement is not None:
        lines += _agreement(scores.agreement)
    if scores.confidence is not None:
        lines += _confidence(scores.confidence)
    if scores.fit is not None:
        lines += _fit(scores.fit)
    return "\n".join(lines)


def _geometry(found: GeometrySummary) -> list[str]:
    return [
        "geometry",
        _line("Ramachandran", f"{_percent(found.favoured)} favoured, {_percent(found.outliers)} outliers"),
        _line("peptide bonds", f"{found.cis} cis, {found.cis_proline} cis before Pro, {found.twisted} twisted"),
        _line("Cβ ≥ 0.25 Å away", f"{found.cbeta_outliers} of {found.cbeta}"),
        _line("bonds", f"rmsd {found.bond_rmsd:.4f} Å, rms Z {found.bond_rmsz:.2f}, {found.bond_outliers} > 4 σ"),
        _line("angles", f"rmsd {found.angle_rmsd:.2f}°, rms Z {found.angle_rmsz:.2f}, {found.angle_outliers} > 4 σ"),
        _line("other", f"{found.nonplanar} planes bent, {found.mirrored} centres of the wrong hand"),
        _line("clashes", f"{found.clashscore:.1f} per 1,000 heavy atoms ({found.clashes})"),
    ]


def _agreement(found: Agreement) -> list[str]:
    each = zip(RADII, found.recall, found.precision, strict=True)
    phenix = found.phenix
    return [
        f"against the reference of {found.n_reference} residues",
        *(
            _line(f"Cα within {radius:g} Å", f"recall {recall:.3f}, precision {right:.3f}")
            for radius, recall, right in each
        ),
        _line("rmsd of these", f"{found.rmsd:.2f} Å"),
        _line("direction", f"{found.forward:.3f} forward, {found.backward:.3f} backward, {found.astray:.3f} neither"),
        _line("sequence", f"match {found.match:.3f}, recall {found.sequence_recall:.3f}"),
        _line("longest right run", f"{found.longest_run} residues"),
        _line("pieces per chain", f"{found.pieces:.2f}"),
        _line("TM-score", f"{found.mean_tm.in_place:.3f} in place, {found.mean_tm.superposed:.3f} superposed"),
        _line("lDDT (Cα)", f"{found.lddt:.3f}, of what is matched {found.lddt_matched:.3f}"),
        _line(
            "chain_comparison",
            f"{phenix.found:.1f} % found, rmsd {phenix.rmsd:.2f} Å, match {phenix.match:.1f} %, CA score "
            f"{phenix.ca_score:.2f}, SEQ score {phenix.seq_score:.2f}",
        ),
    ]


def _confidence(found: ConfidenceScores) -> list[str]:
    return [
        "B factors as confidences",
        _line("calibration", f"mean {found.mean:.3f}, right {found.right:.3f}, error (ECE) {found.ece:.3f}"),
        _line("0.9 or more", f"{_percent(found.sure)} of the residues, of these right {_percent(found.sure_right)}"),
        _line("risk-coverage", f"area {found.risk:.3f}"),
    ]


def _fit(found: MapFit) -> list[str]:
    lines = [
        "in the map",
        _line("Q-score", f"{found.q_mean:.3f}, of the backbone {found.q_backbone:.3f} ({found.q_atoms} atoms)"),
    ]
    if found.correlation_mask == found.correlation_mask:
        text = f"{found.correlation_mask:.3f} around the model, {found.correlation_mean:.3f} by residue"
        lines.append(_line("correlation", text))
    return lines


def _line(name: str, text: str) -> str:
    return f"  {name:18} {text}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
