"""A page on a model that is built: figures, chains, and what to look at first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cryotools.core.files.output import output_set, write_text
from cryotools.modelling.build import BuiltModel
from cryotools.modelling.geometry.check import check_geometry
from cryotools.modelling.geometry.ramachandran import OUTLIER
from cryotools.modelling.results.output import residue_density
from cryotools.modelling.results.plots import draw_model

_DOUBTFUL = 0.5  # confidence
_WEAK = 0.5  # prepared density
_SHOWN = 30


def model_figures(model: BuiltModel) -> dict[str, Any]:
    """The model in numbers."""
    summary = check_geometry(model.structure, model.residues).summary
    confidence = np.concatenate([plan.confidence for plan in model.chains.values()])
    known = [plan for plan in model.chains.values() if plan.sequence]
    return {
        "n_residues": len(confidence),
        "n_atoms": len(model.structure),
        "n_chains": len(model.chains),
        "n_sequences": len(model.sequences),
        "n_placed": sum(len(plan) for plan in known),
        "n_added": int(sum((plan.residue < 0).sum() for plan in model.chains.values())),
        "expected_right": float(confidence.sum()),
        "coverage": {name: _coverage(model, name) for name in model.sequences},
        "density": float(residue_density(model).mean()),
        "favoured": summary.favoured,
        "outliers": summary.outliers,
        "bond_rmsd_A": summary.bond_rmsd,
        "angle_rmsd": summary.angle_rmsd,
        "clashscore": summary.clashscore,
        "left_handed": bool(model.hand.is_left),
    }


def _coverage(model: BuiltModel, name: str) -> float:
    """Copies of a sequence that are built, as residues over its length."""
    return sum(len(plan) for plan in model.chains.values() if plan.sequence == name) / len(model.sequences[name])


def write_model_report(path: str, model: BuiltModel, title: str) -> list[str]:
    """Write the page (Markdown) and its picture; returns their names."""
    picture = str(Path(path).with_suffix(".png"))
    with output_set():
        draw_model(picture, model, Path(title).name)
        write_text(path, report_text(model, Path(title).name, Path(picture).name))
    return [picture, path]


def report_text(model: BuiltModel, title: str, picture: str) -> str:
    """The page."""
    figures = model_figures(model)
    lines = [f"# Model of {title}", "", f"![the model in the map, and confidence along its chains]({picture})", ""]
    lines += ["| | |", "|---|---|"]
    rows = {
        "residues": f"{figures['n_residues']} in {figures['n_chains']} chains, {figures['n_atoms']} atoms",
        "on the sequences": f"{figures['n_placed']} residues, {figures['n_added']} of all added between traced ones",
        "expected to be right": f"{figures['expected_right']:.0f} residues, by their confidence",
        "mean density": f"{figures['density']:.2f} of the molecule's",
        "Ramachandran": f"{figures['favoured']:.1%} favoured, {figures['outliers']:.1%} outliers (they are refined)",
        "bonds, angles": f"{figures['bond_rmsd_A']:.3f} Å, {figures['angle_rmsd']:.2f}° from ideal (rms)",
        "clashes": f"{figures['clashscore']:.1f} per 1,000 atoms, without hydrogens",
    }
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    if figures["coverage"]:
        lines += ["", "## Sequences", "", "| sequence | length | built copies |", "|---|---|---|"]
        lines += [
            f"| {name} | {len(model.sequences[name])} | {_coverage(model, name):.2f} |" for name in model.sequences
        ]
    lines += ["", "## Chains", "", "| chain | sequence | residues | numbers | confidence |", "|---|---|---|---|---|"]
    for name, plan in model.chains.items():
        span = ", ".join(_spans(plan.position + 1))
        lines.append(f"| {name} | {plan.sequence or 'unknown'} | {len(plan)} | {span} | {plan.confidence.mean():.2f} |")
    lines += ["", "## Look at these first", "", *_doubts(model)]
    return "\n".join(lines) + "\n"


def _spans(number: np.ndarray) -> list[str]:
    parts = np.split(number, np.flatnonzero(np.diff(number) != 1) + 1)
    return [f"{part[0]}–{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts]


def _doubts(model: BuiltModel) -> list[str]:
    """Stretches of placed residues that are unsure, in weak density or of a rare φ and ψ."""
    geometry, density = check_geometry(model.structure, model.residues), residue_density(model)
    outlier = geometry.ramachandran.verdict == OUTLIER
    found, begin = [], 0
    for name, plan in model.chains.items():
        part = slice(begin, begin + len(plan))
        begin += len(plan)
        if not plan.sequence:
            continue
        reasons = {
            "unsure type": plan.confidence < _DOUBTFUL,
            "weak density": density[part] < _WEAK,
            "Ramachandran outlier": outlier[part],
        }
        for reason, mask in reasons.items():
            for span in _spans(plan.position[mask] + 1) if mask.any() else ():
                found.append(f"- {name} {span}: {reason}")
    more = [f"- and {len(found) - _SHOWN} more; see the table"] if len(found) > _SHOWN else []
    return found[:_SHOWN] + more or ["Nothing stands out."]
