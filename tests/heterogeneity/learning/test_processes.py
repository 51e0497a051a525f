"""Training in two processes: each has its own images, and both the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from two_processes import run_in_two

RUN = """
import os, sys
from pathlib import Path
import numpy as np, torch
from scipy.spatial.transform import Rotation
from cryotools.core.errors import UsageError
from cryotools.heterogeneity.learning.dataset import ImageSource, half_images
from cryotools.heterogeneity.learning.task import ReconstructionTask, ReconstructionTraining
from cryotools.heterogeneity.network import ReconstructionConfig
from cryotools.training import distributed, loop

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
loop.draw_losses = lambda *_: None
images = np.random.default_rng(0).normal(size=(20, 8, 8)).astype(np.float32)
rotations = Rotation.random(20, random_state=0).as_matrix()
source = ImageSource(lambda at: images[at], lambda at, k: np.ones((len(at), len(k))), rotations, np.zeros((20, 2)), 8)
network = ReconstructionConfig(8, 1, 1, 8, 1, 8)
with distributed.joined(torch.device("cpu")):
    task = ReconstructionTask(half_images(source), ReconstructionTraining(network, 4, held_out=0.2))
    drawn = [task.batch(None, step)[3] for step in range(task.steps_per_epoch)]
    loop.train(task, folder / "run", loop.LoopConfig(epochs=2, warmup=1, validate_every=1, save_every=2))
    try:
        ReconstructionTask(half_images(source), ReconstructionTraining(network, pose_angle=1.0))
        refused = False
    except UsageError:
        refused = True
torch.save({"drawn": drawn, "state": task.networks["reconstruction"].state_dict(), "refused": refused}, folder / f"{rank}.pt")
"""  # noqa: E501


@pytest.mark.slow
def test_two_processes_share_the_images_of_an_epoch_and_the_network(tmp_path) -> None:
    run_in_two(RUN, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    drawn = np.concatenate([*map(np.asarray, first["drawn"]), *map(np.asarray, second["drawn"])])
    assert len(drawn) == len(set(drawn)) == 16
    for name, tensor in first["state"].items():
        assert torch.equal(tensor, second["state"][name])
    assert first["refused"]
    assert second["refused"]
