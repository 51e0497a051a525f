import numpy as np
import pytest

from cryotools.heterogeneity.learning.convergence import Convergence

VOLUMES = np.array([[[1 + 1j, 2, 0.5j], [0.1, 0.2, 0.1j]]])


def test_changes_are_measured_against_the_validation_before() -> None:
    history, places = Convergence(), np.array([[0.0], [2.0]])
    assert history.add(2.0, VOLUMES, places) == {"volume_change": 1.0, "latent_drift": 1.0}
    found = history.add(1.0, 3 * VOLUMES, places + 0.1)
    assert found["volume_change"] == pytest.approx(0)
    assert found["latent_drift"] == pytest.approx(0.1)
    assert history.add(1.0, -VOLUMES, None) == {"volume_change": 2.0}


def test_a_run_has_converged_when_neither_error_nor_volumes_change() -> None:
    history = Convergence()
    for error in (5.0, 3.0, 2.0, 1.5, 1.2):
        history.add(error, VOLUMES, None)
    assert not history.converged
    assert "longer training may help" in history.advice()
    for _ in range(3):
        history.add(1.2, VOLUMES, None)
    assert history.converged
    assert history.advice() == "converged: volumes changed by 0.0 % in the last epoch"


def test_a_rising_error_is_told() -> None:
    history = Convergence()
    for error in (3.0, 1.0, 1.1, 1.3):
        history.add(error, VOLUMES, None)
    assert history.best == 2
    assert "longer training does harm" in history.advice()


def test_a_history_is_continued() -> None:
    history, again = Convergence(), Convergence()
    history.add(2.0, VOLUMES, np.ones((3, 1)))
    again.restore(history.state())
    assert history.add(1.0, 1j * VOLUMES, np.zeros((3, 1))) == again.add(1.0, 1j * VOLUMES, np.zeros((3, 1)))
