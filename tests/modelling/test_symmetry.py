"""The symmetry of maps, of what networks see in them, and of models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryotools import simulate_map
from cryotools.anchors.network import CA, CHANNELS, OFFSET
from cryotools.anchors.predict import AnchorDetector
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.build import build_in_map
from cryotools.modelling.chains.plan import ChainPlan
from cryotools.modelling.scoring.agreement import agreement
from cryotools.modelling.scoring.trace import model_trace
from cryotools.modelling.symmetry import all_copies, averaged, find_operators, one_unit
from cryotools.simulate.classical.symmetry import apply, operators

AXIS = np.array([0.0, 0.0, 1.0])
C4 = operators("C4", AXIS, np.zeros(3))


def blobs(group, size=40, centre=20.0, seed=1):
    """A map of Gaussians at random places and their copies by a point group about `centre`."""
    places = np.random.default_rng(seed).uniform(-12, 12, (12, 3))
    grid = np.stack(np.meshgrid(*(np.arange(float(size)),) * 3, indexing="ij"), axis=-1)[..., ::-1] - centre
    data = np.zeros((size,) * 3)
    for operator in operators(group, AXIS, np.zeros(3)):
        for place in apply(operator, places):
            data += np.exp(-((grid - place) ** 2).sum(axis=-1) / 6)
    return Volume(data.astype(np.float32), (1.0, 1.0, 1.0), (-5.0, 3.0, 7.0))


@pytest.mark.parametrize(("group", "order"), [("C1", 1), ("C3", 3), ("D2", 4), ("T", 12)])
def test_a_map_has_the_symmetry_it_was_made_with(group, order):
    volume = blobs(group)
    found = find_operators(group, volume)
    assert found.shape == (order, 3, 4)
    np.testing.assert_array_equal(found[0], np.eye(3, 4))
    np.testing.assert_allclose(apply(found[-1], np.array([[15.0, 23.0, 27.0]])), [[15, 23, 27]], atol=1e-9)


def test_axes_may_run_through_the_middle_of_the_box():
    found = find_operators("C4", blobs("C4", centre=19.5))
    np.testing.assert_allclose(apply(found[1], np.array([[14.5, 22.5, 0.0]])), [[14.5, 22.5, 0.0]], atol=1e-9)


@pytest.mark.parametrize("group", ["C3", "D4", "O"])
def test_a_map_without_the_symmetry_is_refused(group):
    with pytest.raises(DataError, match="does not have the symmetry"):
        find_operators(group, blobs("C4"))


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="Cn, Dn"):
        find_operators("K7", blobs("C1"))


def _biomt(table):
    rows = ["REMARK 350 BIOMOLECULE: 1", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A"]
    for number, matrix in enumerate(table, 1):
        for axis, row in enumerate(matrix, 1):
            text = " ".join(f"{value:9.6f}" for value in row[:3])
            rows.append(f"REMARK 350   BIOMT{axis} {number:3d} {text}     {row[3]:9.5f}")
    return "\n".join(rows)


def _mmcif(table):
    tags = [f"matrix[{i}][{j}]" if j < 4 else f"vector[{i}]" for i in (1, 2, 3) for j in (1, 2, 3, 4)]
    rows = [
        f"{number} " + " ".join(f"{value:.6f}" for value in matrix.ravel()) for number, matrix in enumerate(table, 1)
    ]
    head = "\n".join(f"_pdbx_struct_oper_list.{tag}" for tag in ["id", *tags])
    return f"data_x\nloop_\n{head}\n" + "\n".join(rows) + "\n"


def _rows(table):
    return "r11,r12,r13,t1\n" + "\n".join(",".join(f"{value:.6f}" for value in matrix.ravel()) for matrix in table)


@pytest.mark.parametrize("form", [_biomt, _mmcif, _rows])
def test_operators_are_read_from_files(form, tmp_path):
    volume = blobs("C4")
    table = operators("C4", AXIS, np.array([15.0, 23.0, 27.0]))
    file = tmp_path / "operators.txt"
    file.write_text(form(table[::-1]), encoding="utf-8")
    found = find_operators(str(file), volume)
    np.testing.assert_array_equal(found[0], np.eye(3, 4))
    np.testing.assert_allclose(sorted(found[:, 0, 1]), sorted(table[:, 0, 1]), atol=1e-5)


def test_a_file_of_stretches_or_of_nothing_is_refused(tmp_path):
    file = tmp_path / "operators.csv"
    file.write_text(_rows([np.eye(3, 4) * 2]), encoding="utf-8")
    with pytest.raises(DataError, match="not a rotation"):
        find_operators(str(file), blobs("C1"))
    file.write_text("nothing", encoding="utf-8")
    with pytest.raises(DataError, match="no operators"):
        find_operators(str(file), blobs("C1"))


def test_what_is_seen_in_one_copy_is_seen_in_all():
    volume = Volume(np.zeros((21, 21, 21), dtype=np.float32), (1.0, 1.0, 1.0), (-10.0, -10.0, -10.0))
    channels = np.zeros((len(CHANNELS), 21, 21, 21), dtype=np.float32)
    channels[CA] += 0.01  # seen everywhere
    channels[CA, 10, 10, 15] = 0.8  # x = 5
    channels[(OFFSET, 10, 10, 15)] = [0.5, 0.0, 0.2]
    found = averaged(channels, volume.grid, C4)
    assert found[CA, 10, 10, 15] == pytest.approx((0.8 + 3 * 0.01) / 4, abs=1e-3)
    assert found[CA, 10, 15, 10] == pytest.approx(found[CA, 10, 10, 15], abs=1e-3)
    np.testing.assert_allclose(found[(OFFSET, 10, 15, 10)], [0, 0.5 / 4, 0.2 / 4], atol=1e-3)


def _plan(ca, sequence="A"):
    count = len(ca)
    return ChainPlan(sequence, np.arange(count), np.arange(count), ca, "G" * count, np.ones(count))


def test_of_copies_one_unit_is_kept():
    chain = np.stack([12 + 2 * np.cos(np.arange(20)), 2 * np.sin(np.arange(20)), 1.5 * np.arange(20)], axis=1)
    copies = [apply(one, chain) for one in C4]
    unknown = copies[2] + [0, 0, 40]
    plans = [_plan(copies[1][:15]), _plan(copies[0]), _plan(copies[3]), _plan(unknown, "")]
    unit = one_unit(plans, C4, 4)
    assert [len(one) for one in unit] == [20, 20]
    np.testing.assert_allclose(unit[0].ca, chain)
    np.testing.assert_allclose(unit[1].ca, np.add(chain, [0, 0, 40]), atol=1e-9)  # beside the first, not opposite


def test_a_unit_and_its_copies_have_names_of_their_own(trypsin):
    structure = read_structure(trypsin)
    structure = structure[(structure.kind == 1) & (structure.residue_number < 40)]
    structure = replace(structure, chain=np.full(len(structure), "A"))
    plan = _plan(find_residues(structure).ca)
    whole, chains = all_copies(structure, [plan], C4)
    assert len(whole) == 4 * len(structure)
    assert list(dict.fromkeys(whole.chain)) == ["A", "B", "C", "D"]
    np.testing.assert_allclose(find_residues(whole).ca, np.concatenate([one.ca for one in chains]), atol=1e-6)


@pytest.mark.slow
def test_a_symmetric_map_is_built_as_one_unit_and_its_copy(trypsin):
    monomer = read_structure(trypsin)
    monomer = monomer[monomer.kind == 1]
    monomer = monomer.with_xyz(monomer.xyz - monomer.xyz.mean(axis=0) + [26, 0, 0])
    turned = replace(monomer.with_xyz(monomer.xyz @ Rotation.from_rotvec([0, 0, np.pi]).as_matrix().T))
    turned = replace(turned, chain=np.full(len(turned), "Z"))
    truth = find_residues(concatenate([monomer, turned]))
    volume = simulate_map(concatenate([monomer, turned]), 3.0, apix=1.0)
    table = operators("C2", AXIS, np.zeros(3))
    sequences = {"A": next(iter(find_residues(monomer).sequences().values()))}
    built = build_in_map(AnchorDetector(compute=Compute("cpu")), volume, 3.0, sequences, operators=table)
    score = agreement(model_trace(built.residues, "built"), model_trace(truth, "truth"))
    assert score.recall[2] > 0.85
    assert score.precision[2] > 0.9
    assert score.sequence_recall > 0.75
    half = len(built.structure) // 2
    chains = list(dict.fromkeys(built.structure.chain))
    one, other = (built.structure[built.structure.chain == name] for name in chains[:2])
    assert len(chains) % 2 == 0
    assert half * 2 == len(built.structure)
    np.testing.assert_allclose(other.xyz, one.xyz * [-1, -1, 1], atol=1e-6)
