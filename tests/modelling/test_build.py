"""A model built into a map of a known structure, and the files it makes."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
from Bio.PDB.MMCIFParser import MMCIFParser

from cryotools import simulate_map
from cryotools.anchors.predict import AnchorDetector
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.build import build_in_map
from cryotools.modelling.geometry.check import check_geometry
from cryotools.modelling.results.output import residue_rows, write_model
from cryotools.modelling.results.report import model_figures, write_model_report
from cryotools.modelling.scoring.agreement import agreement
from cryotools.modelling.scoring.trace import model_trace
from cryotools.view.chimerax import MapSource

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def truth(trypsin):
    return find_residues(read_structure(trypsin))


@pytest.fixture(scope="module")
def built(trypsin, truth):
    volume = simulate_map(trypsin, 3.0, apix=1.0)
    return build_in_map(AnchorDetector(compute=Compute("cpu")), volume, 3.0, truth.sequences())


def test_most_residues_are_built_with_their_types(built, truth):
    score = agreement(model_trace(built.residues, "built"), model_trace(truth, "truth"))
    assert score.recall[2] > 0.85
    assert score.precision[2] > 0.9
    assert score.match > 0.95
    assert score.sequence_recall > 0.75
    assert score.backward < 0.04


def test_its_geometry_is_sound(built):
    summary = check_geometry(built.structure, built.residues).summary
    assert summary.bond_rmsd < 0.02
    assert summary.angle_rmsd < 2
    assert summary.favoured > 0.85
    assert summary.clashscore < 20
    assert summary.mirrored == 0


def test_two_readers_find_the_sequence_and_the_positions_in_it(built, tmp_path):
    names = write_model(str(tmp_path / "model.cif"), built, MapSource("map.mrc"))
    assert all((tmp_path / name.rsplit("/", 1)[1]).stat().st_size for name in names)
    (sequence,) = built.sequences.values()
    whole = gemmi.read_structure(names[-1])
    whole.setup_entities()
    placed = {name for name, plan in built.chains.items() if plan.sequence}
    letters = {}
    for chain in whole[0]:
        entity = whole.get_entity_of(chain.get_polymer())
        if chain.name in placed:
            assert gemmi.one_letter_code(entity.full_sequence) == sequence
            for one in chain.get_polymer():
                assert one.label_seq == one.seqid.num
                assert gemmi.find_tabulated_residue(one.name).one_letter_code == sequence[one.label_seq - 1]
                letters[chain.name, one.label_seq] = one.name
    read = MMCIFParser(QUIET=True, auth_residues=False).get_structure("x", names[-1])
    again = {(chain.id, one.id[1]): one.get_resname() for chain in read[0] for one in chain if chain.id in placed}
    assert again == letters
    assert len(letters) > 150


def test_the_table_and_the_report_say_what_the_model_is(built, tmp_path):
    rows = list(residue_rows(built))
    assert len(rows) == len(built.residues)
    assert all(0 <= row["confidence"] <= 1 for row in rows)
    np.testing.assert_allclose([[row[f"{axis}_A"] for axis in "xyz"] for row in rows], built.residues.ca)
    figures = model_figures(built)
    assert figures["n_residues"] == len(rows)
    assert figures["expected_right"] == pytest.approx(sum(row["confidence"] for row in rows), rel=1e-3)
    picture, page = write_model_report(str(tmp_path / "model.md"), built, "map.mrc")
    text = (tmp_path / "model.md").read_text(encoding="utf-8")
    assert page.endswith(".md")
    assert picture.endswith(".png")
    assert f"{figures['n_residues']} in {figures['n_chains']} chains" in text


def test_a_map_of_noise_has_no_model():
    noise = Volume(np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32), (1.0, 1.0, 1.0))
    with pytest.warns(CryotoolsWarning), pytest.raises(DataError, match="no density like a protein"):
        build_in_map(AnchorDetector(compute=Compute("cpu")), noise, 3.0)
