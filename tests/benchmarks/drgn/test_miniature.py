"""The benchmark runs in miniature: a small set, one epoch."""

from __future__ import annotations

from pathlib import Path

import cryodrgn_runs
import numpy as np
import pytest

from cryotools import simulate_particles
from cryotools.heterogeneity.fourier import spectrum_of
from cryotools.heterogeneity.learning.dataset import ImageSource, half_images
from cryotools.heterogeneity.runs import open_run

HERE = Path(__file__).parent

pytestmark = pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")


@pytest.mark.slow
def test_every_program_has_a_line_in_every_table(benchmark, tmp_path, trypsin, capsys):
    sets = tmp_path / "sets"
    sets.mkdir()
    turn = {"rotate": "residue 16-120", "states": 2}
    simulate_particles(trypsin, sets / "two.star", **turn, n=60, box=16, snr=1)
    told = [str(sets), "--work", str(tmp_path / "runs"), "--epochs", "1", "--width", "16", "--images", "3"]
    benchmark.main(told)
    text = capsys.readouterr().out
    for program in ("train-drgn", "train-drgn --decoder linear"):
        lines = [line for line in text.splitlines() if line.startswith(f"| two | {program} |")]
        assert len(lines) == 3
    assert "| two | 60 | 16 px of" in text
    benchmark.main(told)  # from the runs that are there
    assert capsys.readouterr().out == text


@pytest.mark.slow
def test_equal_epochs_are_compared(benchmark, tmp_path, trypsin, capsys):
    sets = tmp_path / "sets"
    sets.mkdir()
    simulate_particles(trypsin, sets / "two.star", rotate="residue 16-120", states=2, n=60, box=16, snr=1)
    told = [str(sets), "--work", str(tmp_path / "runs"), "--curves", "1,2", "--width", "16", "--images", "3"]
    benchmark.main(told)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| two | ")]
    assert [line.split(" | ")[1:3] for line in lines] == [
        ["true volumes", "–"],
        ["train-drgn", "1"],
        ["train-drgn", "2"],
    ]
    losses = [float(line.split(" | ")[4]) for line in lines]
    assert min(losses) == losses[0] < 1.5  # in units of the noise, of which true volumes leave nothing else


def test_losses_are_those_of_the_volumes(benchmark, tmp_path):
    from losses import Judge

    run = open_run(cryodrgn_runs.write_run(tmp_path / "run"), voxel_size=1.0)
    box, turned = (
        run.box,
        np.array([[[1, 0, 0], [0, 0, 1], [0, -1, 0]]]),
    )  # x and y of an image are x and z of the volume
    random = np.random.default_rng(0)
    places = random.normal(size=(1, run.zdim))
    spectrum = spectrum_of(run.volume(places[0]).data.astype(float), 3)
    source = ImageSource(
        lambda at: random.normal(size=(len(at), box, box)).astype(np.float32),
        lambda at, frequencies: np.ones((len(at), len(frequencies))),
        turned,
        np.zeros((1, 2)),
        box,
    )
    images = half_images(source, keep=False)
    judge = Judge(images)
    x, z = images.frequencies[judge.below].T
    expected = spectrum[box // 2 + z, box // 2, box // 2 + x]
    away = z != 0  # where z is 0, a volume takes one of each pair of opposite frequencies
    predicted = judge._slices(run, np.array([0]), places)[0]
    assert predicted[away] == pytest.approx(expected[away], rel=1e-4)


def test_costs_are_drawn_with_their_power(benchmark, tmp_path):
    from costs import Cost, draw

    cost = Cost("squares", "s", [1, 2, 4], [9.0, 4.0, 16.0])
    assert cost.slope() == pytest.approx(2)
    draw([cost], "images", "Cost", tmp_path / "cost.png")
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
