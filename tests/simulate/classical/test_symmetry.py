from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import UsageError
from cryotools.simulate.classical.symmetry import apply, operators, parse_axis, parse_point, rotation

Z = np.array([0.0, 0.0, 1.0])
ZERO = np.zeros(3)
ORDERS = {
    "C1": 1,
    "C2": 2,
    "C7": 7,
    "c13": 13,
    "C720": 720,
    "D1": 2,
    "D2": 4,
    "D5": 10,
    "T": 12,
    "O": 24,
    "I": 60,
    "i": 60,
}
GOLDEN = (1 + np.sqrt(5)) / 2


def holds(group: np.ndarray, matrix: np.ndarray) -> bool:
    return any(np.allclose(known[:, :3], matrix, atol=1e-9) for known in group)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_groups_have_their_order_and_begin_with_the_identity(name, order):
    group = operators(name, Z, ZERO)
    assert group.shape == (order, 3, 4)
    assert np.allclose(group[0], np.eye(3, 4))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["C5", "D3", "T", "O", "I"])
def test_groups_are_closed_sets_of_distinct_rotations(name):
    rotations = operators(name, Z, ZERO)[:, :, :3]
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(rotations), 1)
    products = np.einsum("aij,bjk->abik", rotations, rotations).reshape(-1, 9)
    distances = np.abs(products[:, None] - rotations.reshape(1, -1, 9)).max(axis=2)
    assert np.all((distances < 1e-9).sum(axis=1) == 1)


def test_cyclic_copies_of_a_point_lie_on_a_circle():
    copies = np.array([apply(operator, np.array([3.0, 0.0, 5.0])) for operator in operators("C4", Z, ZERO)])
    assert np.allclose(copies, [[3, 0, 5], [0, 3, 5], [-3, 0, 5], [0, -3, 5]])


def test_dihedral_groups_have_a_two_fold_on_x():
    assert holds(operators("D5", Z, ZERO), np.diag([1.0, -1.0, -1.0]))


@pytest.mark.parametrize("name", ["T", "O", "I"])
def test_cubic_groups_have_two_folds_on_the_axes_and_a_three_fold_on_the_diagonal(name):
    group = operators(name, Z, ZERO)
    for signs in ((-1, -1, 1), (-1, 1, -1), (1, -1, -1)):
        assert holds(group, np.diag(np.array(signs, dtype=float)))
    assert holds(group, np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]))


def test_the_icosahedral_group_is_the_orientation_that_viewers_call_222():
    # the second of the sixty matrices that Chimera and ChimeraX list for 222; 222r, turned by 90 degrees, lacks it
    c, c2 = np.cos(2 * np.pi / 5), np.cos(4 * np.pi / 5)
    listed = np.array([[c2, -0.5, c], [-0.5, c, c2], [c, c2, -0.5]])
    group = operators("I", Z, ZERO)
    assert holds(group, listed)
    turn = rotation(Z, 90)
    assert not holds(group, turn @ listed @ turn.T)
    five = rotation(np.array([0, 1, GOLDEN]) / np.hypot(1, GOLDEN), 72)
    assert holds(group, five)


def test_the_axis_and_the_centre_stay_where_they_are():
    axis, centre = parse_axis("1,2,-2"), np.array([10.0, -20.0, 5.0])
    for operator in operators("C6", axis, centre):
        for along in (0.0, 7.0):
            assert np.allclose(apply(operator, centre + along * axis), centre + along * axis)
    assert np.allclose(operators("C6", axis, centre)[1][:, :3], rotation(axis, 60))


@pytest.mark.parametrize("axis", ["z", "x", "0,0,-1", "1,1,1"])
def test_groups_keep_their_order_about_any_axis(axis):
    group = operators("D3", parse_axis(axis), np.array([1.0, 2.0, 3.0]))
    assert np.allclose(np.linalg.det(group[:, :, :3]), 1)
    assert len(np.unique(np.round(group.reshape(6, -1), 6) + 0.0, axis=0)) == 6


def test_helices_rise_and_turn():
    group = operators("H,4.1,30,5", Z, ZERO)
    copies = np.array([apply(operator, np.array([2.0, 0.0, 0.0])) for operator in group])
    assert np.allclose(copies[:, 2], [0, 4.1, 8.2, 12.3, 16.4])
    assert np.allclose(copies[3, :2], [0, 2])


def test_helices_may_begin_below():
    group = operators("h,10,90,3,-1", Z, ZERO)
    assert np.allclose(group[:, 2, 3], [-10, 0, 10])
    assert np.allclose(group[0][:, :3], rotation(Z, -90))


@pytest.mark.parametrize("name", ["C0", "C", "D", "X3", "C3.5", ""])
def test_unknown_names_are_a_mistake_of_usage(name):
    with pytest.raises(UsageError, match="`symmetry`"):
        operators(name, Z, ZERO)


@pytest.mark.parametrize("numbers", ["1,2", "1,x,3", "1,2,0", "", "1,2,3,4,5", "nan,2,3", "1,2,inf", "1,inf,3"])
def test_helices_need_three_or_four_numbers(numbers):
    with pytest.raises(UsageError, match="H,rise,angle,n"):
        operators(f"H,{numbers}", Z, ZERO)


def test_axes_are_letters_or_three_numbers():
    assert parse_axis("y").tolist() == [0, 1, 0]
    assert np.allclose(parse_axis("0,3,4"), [0, 0.6, 0.8])
    for wrong in ("w", "1,2", "0,0,0", "1,nan,0", "a,b,c"):
        with pytest.raises(UsageError, match="`axis`"):
            parse_axis(wrong)


def test_points_are_three_numbers():
    assert parse_point("1,-2.5,3e1").tolist() == [1, -2.5, 30]
    for wrong in ("1,2", "", "x,y,z", "1,2,inf"):
        with pytest.raises(UsageError, match="`centre`"):
            parse_point(wrong)
