"""The networks that ship still do what their cards say: on the example crop of a real map, and on a simulated one.

Beside each bar stands what networks of the same architecture with random weights give (4 to 8 seeds). Scores on the
crop are compared with the cards, too, so that other weights need another card.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cryotools
from cryotools.anchors.evaluate import types_at_model
from cryotools.anchors.labels import residue_truth
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.score import (
    AnchorScores,
    CaScores,
    TypeScores,
    counted,
    score_anchors,
    score_ca,
    score_types,
)
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import PROTEIN, WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.metrics.correlation import pearson
from cryotools.realism.predict import evaluate
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.inputs import Condition
from cryotools.simulate.learned.predict import generate
from cryotools.simulate.learned.vae_predict import generate_vae
from cryotools.sites.labels import LIGAND_SITE, label_sites
from cryotools.sites.predict import SiteLocator
from cryotools.sites.residues import score_sites
from cryotools.sse.predict import annotate
from cryotools.sse.score import MapScores, score_map, score_residues
from cryotools.sse.truth.assign import assign

DATA = Path(__file__).parent / "data"
CPU = Compute("cpu")
RESOLUTION = 3.2  # Å, of the crop
SIMULATED = 3.0  # Å
COARSE = 4.5  # Å, of the map in which binding sites are sought
DIGITS = 0.006  # the cards have three, and processors differ a little


def card(name: str, of: str = "example crop") -> dict[str, float]:
    """The scores on the crop, or the structure, that a network's card gives."""
    path = Path(cryotools.__file__).parent / "weights" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))[of]


def without_water(path: Path) -> Structure:
    structure = read_structure(path)
    return structure[structure.kind != WATER]


@pytest.fixture(scope="module")
def real() -> tuple[Volume, Structure]:
    return read_map(DATA / "emd_3488_crop.mrc.gz"), without_water(DATA / "5ni1_crop.pdb.gz")


@pytest.fixture(scope="module")
def simulated(trypsin) -> tuple[Volume, Structure]:
    """Trypsin as molmap makes it: sheets for the most part, as the crop is helices."""
    structure = without_water(trypsin)
    grid = grid_around(structure, 1.0, SIMULATED)
    return Volume.on(grid, molmap_density(structure, grid, MapOptions(SIMULATED, occupancy=False))), structure


def likeness(made: np.ndarray, volume: Volume, structure: Structure) -> float:
    near = near_points(volume.grid, structure.xyz, 3.0)
    return pearson(made[near], volume.data[near])


def looks_real(made: np.ndarray, volume: Volume, structure: Structure) -> float:
    return evaluate(volume.with_data(made), structure, compute=CPU).fraction_real


@pytest.mark.slow
def test_the_generator_meets_the_crop(real):
    volume, structure = real
    score = likeness(generate(structure, volume.grid, Condition(RESOLUTION, False), CPU), volume, structure)
    assert score > 0.755  # 0.767; at random 0.726, as molmap broadened
    assert score == pytest.approx(card("map-generator")["pearson"], abs=DIGITS)


@pytest.mark.slow
def test_the_generator_s_map_of_another_protein_looks_experimental(simulated):
    volume, structure = simulated
    made = generate(structure, volume.grid, Condition(SIMULATED, False), CPU)
    assert looks_real(made, volume, structure) > 0.25  # 0.384; at random 0.000
    assert likeness(made, volume, structure) > 0.8  # 0.854


@pytest.mark.slow
def test_the_vae_gan_meets_the_crop(real):
    volume, structure = real
    made = generate_vae(structure, volume.grid, Condition(RESOLUTION, False), compute=CPU)
    score = likeness(made, volume, structure)
    assert score > 0.7  # 0.726; at random -0.006 to 0.013
    assert score == pytest.approx(card("vae-map-generator")["pearson"], abs=DIGITS)


@pytest.mark.slow
def test_the_vae_gan_s_map_of_another_protein_looks_experimental(simulated):
    volume, structure = simulated
    made = generate_vae(structure, volume.grid, Condition(SIMULATED, False), compute=CPU)
    assert looks_real(made, volume, structure) > 0.75  # 0.929; at random 0.090 to 0.096
    assert likeness(made, volume, structure) > 0.7  # 0.744; at random -0.002 to 0.002


def test_the_discriminator_tells_the_crop_from_molmap(real):
    volume, structure = real
    made = molmap_density(structure, volume.grid, MapOptions(RESOLUTION, occupancy=False))
    shares = {"experimental": looks_real(volume.data, volume, structure), "molmap": looks_real(made, volume, structure)}
    assert shares["experimental"] > 0.95  # 1.000; at random 0.37 to 0.76, for both the same
    assert shares["molmap"] < 0.05  # 0.000
    assert shares["experimental"] == pytest.approx(card("evaluation-discriminator")["experimental"], abs=DIGITS)
    assert shares["molmap"] == pytest.approx(card("evaluation-discriminator")["molmap of the model"], abs=DIGITS)


def test_the_discriminator_sees_that_a_simulated_map_is_one(simulated):
    assert looks_real(simulated[0].data, *simulated) < 0.05  # 0.000; at random 0.37 to 0.75


def scores_of(volume: Volume, structure: Structure, resolution: float) -> MapScores:
    probabilities = annotate(volume, resolution, compute=CPU).probabilities
    return score_map(score_residues(probabilities, volume, structure, assign(structure)))


def test_secondary_structure_of_the_crop_is_found(real):
    found = scores_of(*real, RESOLUTION)
    assert found.class_mean_recall > 0.73  # 0.785; at random 0.49 at best, by calling all of it helix
    assert found.q3 > 0.75  # 0.784; at random 0.01 to 0.23, and 0.77 by calling all of it helix
    assert found.ece < 0.1  # 0.048
    for name in ("q3", "class_mean_recall", "recall", "precision"):
        assert getattr(found, name) == pytest.approx(card("secondary-structure")[name], abs=DIGITS), name


def test_secondary_structure_of_a_simulated_map_is_found(simulated):
    found = scores_of(*simulated, SIMULATED)
    assert found.q3 > 0.73  # 0.789; at random 0.15 to 0.48, one class for all 0.543
    assert min(found.f1_helix, found.f1_sheet, found.f1_other) > 0.7  # 0.769, 0.782, 0.798; at random 0.205 at best


def residues_of(volume: Volume, structure: Structure, resolution: float) -> tuple[CaScores, AnchorScores, TypeScores]:
    structure = structure[volume.grid.contains(structure.xyz)]
    detector = AnchorDetector(compute=CPU)
    truth, found = residue_truth(structure), detector.detect(volume, resolution).residues
    counts = counted(volume, found.ca, structure.xyz)
    logits, amino = types_at_model(detector, volume, truth, resolution)
    types = score_types(logits, amino, detector.types.config.temperature)
    return score_ca(found, truth, counts), score_anchors(found, truth, counts), types


def test_residues_of_the_crop_are_found_and_named(real):
    ca, anchors, types = residues_of(*real, RESOLUTION)
    assert ca.recall_3 > 0.9  # 0.951
    assert ca.precision_3 > 0.78  # 0.837
    assert ca.forward > 0.92  # 0.976
    assert types.top1 > 0.65  # 0.746, on a map that is trained on; the most common one for all: 0.14
    measured = {"recall_3": ca.recall_3, "precision_3": ca.precision_3, "forward": ca.forward, "rmsd": ca.rmsd}
    for name, value in measured.items():
        assert value == pytest.approx(card("residue-trace")[name], abs=2 * DIGITS), name
    measured = {"true_top1": types.top1, "true_top3": types.top3, "best_10": anchors.best_10}
    for name, value in measured.items():
        assert value == pytest.approx(card("residue-type")[name], abs=2 * DIGITS), name


def test_residues_of_a_simulated_map_are_found_and_named(simulated):
    ca, anchors, types = residues_of(*simulated, SIMULATED)
    assert ca.recall_3 > 0.92  # 0.969
    assert ca.precision_3 > 0.8  # 0.850
    assert ca.forward > 0.8  # 0.859
    assert types.top1 > 0.6  # 0.665; the most common one for all: 0.15
    assert anchors.best_10 > 0.85  # 0.955


@pytest.mark.slow
def test_the_site_of_trypsin_s_ligand_is_found_with_and_without_it(trypsin):
    structure = without_water(trypsin)
    truth = label_sites(structure)
    protein = structure.kind == PROTEIN
    shown = {"with": structure, "without": structure[protein]}
    grid = grid_around(structure, 1.0, 2 * COARSE)
    scores = {}
    for name, part in shown.items():
        volume = Volume.on(grid, molmap_density(part, grid, MapOptions(COARSE, occupancy=False)))
        found = locate_sites_of(volume, structure[protein])
        right = truth.sites[LIGAND_SITE][truth.residues.kind == PROTEIN]
        scores[name] = score_sites(found[LIGAND_SITE], right, np.ones(len(right), dtype=bool)).auc
    assert scores["with"] > 0.66  # 0.733; at random 0.42 to 0.59, for both maps
    assert scores["without"] > 0.75  # 0.844
    for name, score in scores.items():
        assert score == pytest.approx(card("binding-sites", "example structure")[name], abs=DIGITS)


def locate_sites_of(volume: Volume, structure: Structure) -> np.ndarray:
    return SiteLocator(compute=CPU).locate(volume, COARSE).residues(structure).network
