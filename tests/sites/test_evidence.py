"""Evidence of a homolog whose site is known, for a model of trypsin."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.search.alignment import a3m_text
from cryotools.homologs.search.chains import read_chains
from cryotools.homologs.search.hits import Homolog, HomologFolder
from cryotools.sites.confidence import SiteCalibration
from cryotools.sites.evidence import HomologEvidence, combined, gather_evidence
from cryotools.sites.labels import LIGAND_SITE, label_sites

SHIFT = 20  # residues before the aligned part of the query


@pytest.fixture
def trypsins(trypsin, tmp_path):
    """A folder whose query is trypsin with residues before it, its only homolog the structure itself."""
    chain, letters = next(iter(read_chains(trypsin).items()))
    query = "G" * SHIFT + letters
    (tmp_path / "q.a3m").write_text(a3m_text("q", query, [("t", SHIFT, letters, letters)]))
    one = Homolog(
        "q", trypsin, chain, 0.5, 0.9, 0.0, letters, letters, 1.0, SHIFT + 1, len(query), 1, len(letters), trypsin, 1
    )
    return HomologFolder(tmp_path, (one,), {"q": query})


def test_sites_of_a_homolog_come_through_the_alignment(trypsin, trypsins):
    model = read_structure(trypsin)
    model = model[model.kind == PROTEIN]
    found, truth = gather_evidence(model, trypsins), label_sites(read_structure(trypsin))
    protein = truth.residues.kind == PROTEIN
    assert truth.sites[LIGAND_SITE].any()
    assert np.array_equal(found.transferred[LIGAND_SITE] == 1, truth.sites[LIGAND_SITE][protein])
    assert np.isnan(found.transferred[0]).all(), "a single chain tells nothing about interfaces"
    assert np.nanmin(found.conservation) > 0
    assert found.standard.mean() == pytest.approx(0, abs=1e-9)
    assert found.standard.std() == pytest.approx(1)


def test_another_molecule_and_a_plain_folder_are_refused(trypsin, trypsins):
    model = read_structure(trypsin)
    wrong = HomologFolder(trypsins.folder, (), {"other": "MKVLAAGIVGLCAKAYWERTNMPQDLKHH" * 4})
    with pytest.raises(DataError, match="no chain has the sequence of a query"):
        gather_evidence(model, wrong)
    with pytest.raises(DataError, match="holds no queries"):
        gather_evidence(model, HomologFolder(trypsins.folder, trypsins.homologs))


def test_the_combination_is_a_logistic_regression(trypsin):
    means = np.full((3, 2), 0.5)
    evidence = HomologEvidence(np.array([0.5, np.nan]), np.array([1.0, 0.0]), np.array([[1.0, np.nan]] * 3))
    coefficients = np.tile([1.0, 0.5, 2.0, -1.0, -0.5], (3, 1))
    fitted = SiteCalibration(np.array([1.2, 1.5, 1.6]), np.array([-0.3, 1.2, 0.6]), np.array([0.5, 0, 0]), coefficients)
    both = combined(means, evidence, fitted)
    exposed = combined(means, evidence, fitted, np.array([2.0, 0.0]))
    assert exposed[0, 0] == pytest.approx(1 / (1 + np.exp(-3.0))), "0.5 x 2 is added to the network's log-odds"
    assert np.array_equal(exposed[1:], both[1:])
    assert both[:, 0] == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert both[:, 1] == pytest.approx(1 / (1 + np.exp(-fitted.offset))), "homologs say nothing of it"
    assert len(find_residues(read_structure(trypsin)).kind) > 200
