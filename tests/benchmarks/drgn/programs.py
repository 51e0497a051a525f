"""The programs that are compared, and how each is started on a particle set."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.heterogeneity.contrast import image_contrast
from cryotools.heterogeneity.particles import Particles, read_particles
from cryotools.heterogeneity.sample import poses_of, take_sample
from cryotools.heterogeneity.truth import Truth, read_truth

NETWORK, LINEAR, PEER = "train-drgn", "train-drgn --decoder linear", "cryoDRGN"
ZDIM, LAYERS, BATCH = 8, 3, 16


@dataclass(frozen=True)
class ParticleSet:
    """The set `name` in the folder `sets`; runs on it are kept in `work`."""

    name: str
    sets: Path
    work: Path

    @property
    def star(self) -> Path:
        return self.sets / f"{self.name}.star"

    def particles(self) -> Particles:
        return read_particles(self.star)

    def truth(self) -> Truth:
        return read_truth(self.sets / f"{self.name}_truth")

    def folder(self, program: str, epochs: int) -> Path:
        """Where a run is kept."""
        kind = {NETWORK: "network", LINEAR: "linear", PEER: "peer"}[program]
        return self.work / f"{self.name}_{kind}{f'_{epochs}' if epochs else ''}"


def command_of(program: str, particles: ParticleSet, epochs: int, width: int, peer: str | None) -> list[str]:
    """The command line that leaves a run in `particles.folder`."""
    out = str(particles.folder(program, epochs))
    if program == PEER:
        assert peer is not None
        network = ["--enc-dim", str(width), "--enc-layers", str(LAYERS), "--dec-dim", str(width)]
        network += ["--dec-layers", str(LAYERS), "-b", str(BATCH), "--seed", "0", "--shuffle-seed", "0"]
        told = ["--zdim", str(ZDIM), "-n", str(epochs), "-o", out, *network, "--no-analysis"]
        return [peer, "train_vae", *_peer_inputs(particles), *told]
    told = [sys.executable, "-m", "cryotools", "train-drgn", str(particles.star), out, "--zdim", str(ZDIM), "--quiet"]
    told += ["--threads", "1"]
    if program == LINEAR:
        return [*told, "--decoder", "linear"]
    return [*told, "--epochs", str(epochs), "--width", str(width), "--layers", str(LAYERS), "--batch", str(BATCH)]


def _peer_inputs(particles: ParticleSet) -> list[str]:
    """cryoDRGN's arguments for a set: the stack, its pickles, which are written, and the images' sign."""
    read = particles.particles()
    particles.work.mkdir(parents=True, exist_ok=True)
    poses, ctf = (particles.work / f"{particles.name}_{kind}.pkl" for kind in ("poses", "ctf"))
    found = poses_of(read)
    poses.write_bytes(pickle.dumps((found.rotations.astype(np.float32), found.shifts.astype(np.float32))))
    ctf.write_bytes(pickle.dumps(_ctf_rows(read)))
    sign = image_contrast(take_sample(read)).sign
    stack = particles.star.with_suffix(".mrcs")
    return [str(stack), "--poses", str(poses), "--ctf", str(ctf), *(["--uninvert-data"] if sign > 0 else [])]


def _ctf_rows(particles: Particles) -> np.ndarray:
    """CTF parameters as cryoDRGN lists them, float32 (n, 9)."""
    found, n = particles.ctf, len(particles)
    assert found is not None
    lens = (found.defocus_u, found.defocus_v, found.angle, found.voltage, found.spherical_aberration)
    columns = (np.full(n, particles.box), particles.voxel_size, *lens, found.amplitude_contrast, found.phase_shift)
    return np.stack(columns, axis=1).astype(np.float32)
