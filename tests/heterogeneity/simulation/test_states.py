from __future__ import annotations

import numpy as np
import pytest
from small_molecules import ARM, ROD, molecule
from small_structures import dozen, write_pdb

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.simulation.hinge import TurningAxis, moving_part, turning_axis
from cryotools.heterogeneity.simulation.states import (
    Motion,
    States,
    growing_states,
    make_states,
    turned_states,
)

STRUCTURE = molecule()
ARM_MOVES = STRUCTURE.chain == "X"
UP = TurningAxis(np.zeros(3), np.array([0.0, 0, 1]))


def test_a_part_turns_right_handed_about_the_axis_and_the_rest_stays():
    states = turned_states(STRUCTURE, ARM_MOVES, UP, (0, 90), 3)
    assert len(states) == 3
    ends = [source.xyz[-1] for source in states.sources]
    assert np.allclose(ends, [[24, 0, 3], [24 * np.sqrt(0.5), 24 * np.sqrt(0.5), 3], [0, 24, 3]])
    assert all(np.array_equal(source.xyz[~ARM_MOVES], ROD) for source in states.sources)
    assert states.motion.tolist() == [0, 0.5, 1]


def test_the_end_of_a_whole_turn_is_its_beginning():
    states = turned_states(STRUCTURE, ARM_MOVES, UP, (0, 360), 4)
    assert states.motion.tolist() == [0, 0.25, 0.5, 0.75]
    assert np.allclose(states.sources[2].xyz[-1], [-24, 0, 3])


def test_all_states_have_the_centre_of_their_union():
    states = turned_states(STRUCTURE, ARM_MOVES, UP, (0, 360), 4)
    assert np.allclose(states.centre, [0, 0, -10.5])  # the rod alone has its middle at -12
    assert states.radius == pytest.approx(np.hypot(24, 13.5))
    assert 2 * states.radius / (states.suited_voxel_size(32) * 32) == pytest.approx(0.65, abs=0.01)


def test_by_default_the_axis_goes_from_the_middle_of_the_rest_to_the_contact():
    axis = turning_axis(STRUCTURE, ARM_MOVES)
    assert np.allclose(axis.point, [0.75, 0, 1.5])  # between the rod's last atom and the arm's first two
    assert np.allclose(axis.direction, np.array([0.75, 0, 13.5]) / np.hypot(0.75, 13.5))  # the rod's middle is at -12


def test_the_axis_can_be_given_by_numbers_and_selections():
    axis = turning_axis(STRUCTURE, ARM_MOVES, "0,0,3", "chain X")
    assert np.allclose((axis.point, axis.direction), ([0, 0, 3], [-1, 0, 0]))
    with pytest.raises(ArgumentError, match="lies at the hinge"):
        turning_axis(STRUCTURE, ARM_MOVES, "1,2,3", "1,2,3")
    with pytest.raises(ArgumentError, match="`hinge` 1,2: give x,y,z"):
        turning_axis(STRUCTURE, ARM_MOVES, "1,2")
    with pytest.raises(ArgumentError, match="`axis` 'chain Q': selects no atoms"):
        turning_axis(STRUCTURE, ARM_MOVES, None, "chain Q")


def test_a_part_is_named_by_chains_or_a_selection():
    assert np.array_equal(moving_part(STRUCTURE, "X"), ARM_MOVES)
    assert np.array_equal(moving_part(STRUCTURE, "residue 10-18"), ARM_MOVES)
    with pytest.raises(DataError, match="has no chain Q; it has R, X"):
        moving_part(STRUCTURE, "Q")
    with pytest.raises(DataError, match="'chain R,X' selects all of its 18 atoms"):
        moving_part(STRUCTURE, "chain R,X")


@pytest.mark.parametrize("angles", [(0, 0), (0, 400), (0, np.nan)])
def test_angles_differ_by_a_turn_at_most(angles):
    with pytest.raises(ArgumentError, match="give two different angles, up to 360 apart"):
        turned_states(STRUCTURE, ARM_MOVES, UP, angles, 3)


def test_subunits_are_added_one_group_after_another():
    structure = molecule({"A": ROD, "B": ARM, "C": ARM + 5})
    states = growing_states(structure, [("B",), ("A", "C")])
    assert [sorted(set(source.chain)) for source in states.sources] == [["B"], ["A", "B", "C"]]
    assert states.motion is None
    with pytest.raises(ArgumentError, match="`subunits` B: name each chain once"):
        growing_states(structure, [("B",), ("A", "B")])
    with pytest.raises(DataError, match="has no chain Q"):
        growing_states(structure, [("B",), ("Q",)])


def test_files_are_states_of_their_own(tmp_path):
    write_pdb(tmp_path / "a.pdb", dozen())
    data = np.zeros((9, 8, 10), dtype=np.float32)
    data[4, 4, 4] = 1
    write_map(tmp_path / "b.mrc", Volume(data, (2.0,) * 3, (10.0, -40.0, -8.0)), label="test")
    states = make_states([tmp_path / "a.pdb", tmp_path / "b.mrc"])
    assert np.allclose(states.centre, [20, -32, 0])  # the middle voxel of the map
    assert len(states.sources[0].xyz) == 12
    only = make_states([tmp_path / "b.mrc"])
    assert only.radius is None
    assert only.suited_voxel_size(16) == 20 / 16
    with pytest.raises(UsageError, match="make states of one structure"):
        make_states([tmp_path / "a.pdb", tmp_path / "b.mrc"], Motion(rotate="A"))
    with pytest.raises(UsageError, match="a part turns or subunits are added"):
        make_states([tmp_path / "a.pdb"], Motion(rotate="A", subunits=(("A",),)))


def test_a_molecule_larger_than_the_box_is_an_error():
    states = States.of([STRUCTURE])
    with pytest.raises(DataError, match="the states reach 36 Å across, more than the box of 16 pixels of 2 Å"):
        states.check_fit(16, 2.0)
    with pytest.warns(CryotoolsWarning, match="shifts of 3 pixels move parts of the states"):
        states.check_fit(20, 2.0, 3.0)
    with pytest.raises(ArgumentError, match="`apix` 0"):
        states.check_fit(20, 0.0)
