"""Find the residues of a map: candidates, paths through them, their direction, amino acids and confidence."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy.special import log_softmax, softmax

from cryotools.anchors.calibration import Calibration
from cryotools.anchors.candidates import Candidates, find_candidates, find_peaks, trace_map
from cryotools.anchors.chain import Chain, trace_chain
from cryotools.anchors.check import warn_if_coarse
from cryotools.anchors.confidence import Evidence
from cryotools.anchors.detected import DetectedResidues, Detection
from cryotools.anchors.frames import backwards, frames
from cryotools.anchors.geometry import centres_of_mass
from cryotools.anchors.hand import warn_if_left_handed
from cryotools.anchors.network import C1, C4, NONE, RESIDUE_TYPE, STATE, TRACE, P, ResidueType, Trace
from cryotools.anchors.types import types_in_frames
from cryotools.core.compute.checkpoint import load_shipped
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.wrappers import check_rotations
from cryotools.core.maps.check import check_values, check_voxels
from cryotools.core.maps.prepare import PreparedMap, prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress

_NUCLEOTIDE = {"P": P, "C4'": C4, "C1'": C1}
_LEAST_NUCLEOTIDE, _APART_NUCLEOTIDE = 0.3, 4.0  # probability, and Å between atoms of one kind


@dataclass(frozen=True)
class TracedMap:
    """What the network of chains finds in a map.

    Attributes
    ----------
    prepared : the map in the form that networks see
    channels : float32 (11, nz, ny, nx), the network's output on its grid, see CHANNELS
    candidates : possible Cα atoms
    chain : paths through them
    resolution : Å; None if unknown
    """

    prepared: PreparedMap
    channels: np.ndarray
    candidates: Candidates
    chain: Chain
    resolution: float | None


class AnchorDetector:
    """The networks, ready to find residues in maps.

    Parameters
    ----------
    weights, trace_weights : files of the networks of amino acids and of chains; None for the shipped ones
    compute : device and precision; a `batch` of None is chosen for each network
    rotations : average the chain network over 1, 4 or 24 rotations of the map, at as many times its cost

    Raises
    ------
    DataError
        The weights are missing or damaged, or the device is not available.
    UsageError
        `rotations` is not 1, 4 or 24, or there is no such device.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | None = None,
        trace_weights: str | os.PathLike[str] | None = None,
        compute: Compute | None = None,
        rotations: int = 1,
    ) -> None:
        check_rotations(rotations)
        self.compute = compute or Compute()
        self.compute.check()
        network, _, about = load_shipped("residue-type", [RESIDUE_TYPE], weights)
        self.types = cast(ResidueType, network)
        self.calibration = Calibration.from_text(about.get("calibration"))
        self.trace = cast(Trace, load_shipped("residue-trace", [TRACE], trace_weights)[0])
        self.rotations = rotations

    def detect(
        self,
        volume: Volume,
        resolution: float | None = None,
        progress: Progress | None = None,
    ) -> Detection:
        """The residues of a map of any voxel size, of the given `resolution` in Å if known; warns if its helices are
        left-handed.

        Raises
        ------
        DataError
            The map is constant, thinner than 6 Å or too large for memory.
        UsageError
            The resolution is not a positive number.
        """
        detection = self.with_evidence(volume, resolution, progress)[0]
        warn_if_left_handed(detection.residues)
        return detection

    def with_evidence(
        self, volume: Volume, resolution: float | None = None, progress: Progress | None = None
    ) -> tuple[Detection, Evidence]:
        """`detect`, and what its confidences are calculated from."""
        traced = self.traced(volume, resolution, progress)
        residues, evidence = self.named(traced)
        return Detection(volume, residues, self.nucleotides(traced), traced.prepared.levels, resolution), evidence

    def nucleotides(self, traced: TracedMap) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Positions (k, 3) in Å of each kind of nucleotide atoms, and their probabilities (k,)."""
        return {name: _atoms(traced.channels, number, traced.prepared.volume) for name, number in _NUCLEOTIDE.items()}

    def traced(self, volume: Volume, resolution: float | None = None, progress: Progress | None = None) -> TracedMap:
        """The paths through a map, before types are known; errors as those of `detect`."""
        warn_if_coarse(resolution)
        check_voxels(volume)
        prepared = prepare_map(volume, resolution, check_values(volume))
        density = prepared.volume.data
        channels = trace_map(self.trace, density, resolution, self.compute, self.rotations, progress)
        candidates, chain = trace_chain(find_candidates(channels, density), channels, density)
        return TracedMap(prepared, channels, candidates, chain, resolution)

    def named(self, traced: TracedMap) -> tuple[DetectedResidues, Evidence]:
        """The residues of paths in their more probable direction, with types and confidences."""
        chain, candidates, resolution = traced.chain, traced.candidates, traced.resolution
        volume = traced.prepared.volume
        density = volume.data
        axes = frames(chain.previous, chain.here, chain.following)
        logits = [
            types_in_frames(self.types, density, chain.here, turned, resolution, self.compute)
            for turned in (axes, backwards(axes))
        ]
        odds = direction_odds(logits[0], logits[1], chain.path)
        reversed_ = odds < 0
        logits_of = np.where(reversed_[:, None], logits[1], logits[0])
        axes = np.where(reversed_[:, None, None], backwards(axes), axes)
        order = _in_order(chain.path, reversed_)
        place = np.append(np.argsort(order), -1)
        before, after = (
            place[np.where(reversed_, ahead, behind)[order]]
            for behind, ahead in ((chain.before, chain.after), (chain.after, chain.before))
        )
        types = softmax(logits_of[:, :NONE] / self.types.config.temperature, axis=1)[order]
        residue = 1 - softmax(logits_of, axis=1)[order, NONE]
        found = chain.candidate[order]
        evidence = Evidence(
            ca=candidates.probability[found],
            bonds=(before >= 0).astype(float) + (after >= 0),
            density=candidates.density[found],
            types=types,
            residue=residue,
            direction=np.where(chain.path >= 0, np.abs(odds), 0.0)[order],
            resolution=resolution,
        )
        presence, forward, right = self.calibration.judge(evidence)
        ca = volume.grid.index_to_world(chain.here[order])
        residues = DetectedResidues(
            ca=ca,
            mass=centres_of_mass(ca, axes[order], types),
            presence=presence,
            types=types.astype(np.float32),
            confidence=right,
            before=before.astype(np.int32),
            after=after.astype(np.int32),
            path=chain.path[order],
            forward=forward,
            state=candidates.channels[found][:, STATE],
            density=candidates.density[found],
        )
        return residues, evidence


def direction_odds(forward: np.ndarray, backward: np.ndarray, path: np.ndarray) -> np.ndarray:
    """For each residue (n,), how much better its path (n,) fits in the order given than in the other, in nats: summed
    over the path's residues, how surely a frame is right and how sure the amino acid in it. 0 for isolated residues
    whose frames fit equally well.

    Parameters
    ----------
    forward, backward : logits (n, 21) in forward and backward frames
    """
    each = _support(forward) - _support(backward)
    if not len(path):
        return each
    total = np.bincount(np.maximum(path, 0), weights=np.where(path >= 0, each, 0.0))
    return np.where(path >= 0, total[np.maximum(path, 0)], each)


def _support(logits: np.ndarray) -> np.ndarray:
    """Nats (n,) in favour of a frame: of its being right, and minus the entropy of its amino acids."""
    log_all = log_softmax(logits.astype(np.float64), axis=1)
    log_amino = log_softmax(logits[:, :NONE].astype(np.float64), axis=1)
    entropy = -(np.exp(log_amino) * log_amino).sum(axis=1)
    right = np.log1p(-np.minimum(np.exp(log_all[:, NONE]), 1 - 1e-6))
    return right - log_all[:, NONE] - entropy


def _in_order(path: np.ndarray, reversed_: np.ndarray) -> np.ndarray:
    """The order (n,) of residues in which reversed paths are turned around."""
    order = np.arange(len(path))
    for number in np.unique(path[(path >= 0) & reversed_]):
        at = np.flatnonzero(path == number)
        order[at] = at[::-1]
    return order


def _atoms(channels: np.ndarray, number: int, volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Positions (k, 3) in Å and probabilities (k,) of one kind of nucleotide atoms."""
    voxel = find_peaks(channels[number], _LEAST_NUCLEOTIDE, _APART_NUCLEOTIDE)
    return volume.grid.index_to_world(voxel[:, ::-1]), channels[number][tuple(voxel.T)]
