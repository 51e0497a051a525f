"""The programs that are compared, and how each is started on a particle set."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.heterogeneity.contrast import image_contrast
from cryotools.heterogeneity.learning.task import ReconstructionTraining, held_out
from cryotools.heterogeneity.particles import Particles, read_particles
from cryotools.heterogeneity.sample import poses_of, take_sample
from cryotools.heterogeneity.truth import Truth, read_truth

NETWORK, LINEAR, PEER = "train-drgn", "train-drgn --decoder linear", "cryoDRGN"
PART = "cryoDRGN, of the images that train-drgn does not hold out"
ZDIM, LAYERS, BATCH = 8, 3, 16


@dataclass(frozen=True)
class ParticleSet:
    """The set `name` in the folder `sets`, NAME.star, or NAME.mrcs with NAME_poses.pkl and NAME_ctf.pkl; runs on it are
    kept in `work`.
    """

    name: str
    sets: Path
    work: Path

    @property
    def stack(self) -> Path:
        return self.sets / f"{self.name}.mrcs"

    @property
    def inputs(self) -> list[str]:
        """Arguments of `train-drgn`."""
        star = self.sets / f"{self.name}.star"
        if star.exists():
            return [str(star)]
        poses, ctf = self._pickles
        return [str(self.stack), "--poses", str(poses), "--ctf", str(ctf)]

    def particles(self) -> Particles:
        if len(self.inputs) == 1:
            return read_particles(self.inputs[0])
        poses, ctf = self._pickles
        return read_particles(self.stack, poses=[poses], ctf=ctf)

    @property
    def _pickles(self) -> tuple[Path, Path]:
        return self.sets / f"{self.name}_poses.pkl", self.sets / f"{self.name}_ctf.pkl"

    def truth(self) -> Truth:
        return read_truth(self.sets / f"{self.name}_truth")

    def folder(self, program: str, epochs: int) -> Path:
        """Where a run is kept."""
        kind = {NETWORK: "network", LINEAR: "linear", PEER: "peer", PART: "part"}[program]
        return self.work / f"{self.name}_{kind}{f'_{epochs}' if epochs else ''}"


def command_of(program: str, particles: ParticleSet, epochs: int, width: int, peer: str | None) -> list[str]:
    """The command line that leaves a run in `particles.folder`."""
    out = str(particles.folder(program, epochs))
    if program in (PEER, PART):
        assert peer is not None
        network = ["--enc-dim", str(width), "--enc-layers", str(LAYERS), "--dec-dim", str(width)]
        network += ["--dec-layers", str(LAYERS), "-b", str(BATCH), "--seed", "0", "--shuffle-seed", "0"]
        told = ["--zdim", str(ZDIM), "-n", str(epochs), "-o", out, *network, "--no-analysis"]
        some = ["--ind", str(index_file(particles, used=True))] if program == PART else []
        return [peer, "train_vae", *_peer_inputs(particles), *some, *told]
    told = [sys.executable, "-m", "cryotools", "train-drgn", *particles.inputs, out, "--zdim", str(ZDIM), "--quiet"]
    told += ["--threads", "1"]
    if program == LINEAR:
        return [*told, "--decoder", "linear"]
    return [*told, "--epochs", str(epochs), "--width", str(width), "--layers", str(LAYERS), "--batch", str(BATCH)]


def places_command(particles: ParticleSet, run: Path, epoch: int, peer: str) -> tuple[list[str], Path]:
    """cryoDRGN's command that places the images that were held out by its weights after an epoch, and its output."""
    found, losses = run / f"held_z.{epoch}.pkl", run / f"held_loss.{epoch}.pkl"
    told = ["--ind", str(index_file(particles, used=False)), "-o", str(losses), "--out-z", str(found)]
    weights = ["-c", str(run / "config.yaml"), *told, "--max-threads", "1"]
    stack, *others = _peer_inputs(particles)
    return [peer, "eval_images", stack, str(run / f"weights.{epoch}.pkl"), *others, *weights], found


def parts(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The images that `train-drgn` holds out, of `count`, and those that it is trained on."""
    return held_out(count, ReconstructionTraining())


def index_file(particles: ParticleSet, *, used: bool) -> Path:
    """The indices of the images that are trained on, or held out, as cryoDRGN reads them."""
    path = particles.work / f"{particles.name}_{'used' if used else 'held'}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(parts(len(particles.particles()))[used]))
    return path


def _peer_inputs(particles: ParticleSet) -> list[str]:
    """cryoDRGN's arguments for a set: the stack, its pickles, which are written, and the images' sign."""
    read = particles.particles()
    particles.work.mkdir(parents=True, exist_ok=True)
    poses, ctf = (particles.work / f"{particles.name}_{kind}.pkl" for kind in ("poses", "ctf"))
    found = poses_of(read)
    poses.write_bytes(pickle.dumps((found.rotations.astype(np.float32), found.shifts.astype(np.float32))))
    ctf.write_bytes(pickle.dumps(_ctf_rows(read)))
    sign = image_contrast(take_sample(read)).sign
    return [str(particles.stack), "--poses", str(poses), "--ctf", str(ctf), *(["--uninvert-data"] if sign > 0 else [])]


def _ctf_rows(particles: Particles) -> np.ndarray:
    """CTF parameters as cryoDRGN lists them, float32 (n, 9)."""
    found, n = particles.ctf, len(particles)
    assert found is not None
    lens = (found.defocus_u, found.defocus_v, found.angle, found.voltage, found.spherical_aberration)
    columns = (np.full(n, particles.box), particles.voxel_size, *lens, found.amplitude_contrast, found.phase_shift)
    return np.stack(columns, axis=1).astype(np.float32)
