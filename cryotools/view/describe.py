"""Describe the contents, position and oddities of a map or structure file, as a plain dictionary."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.maps.mapdata import statistics
from cryotools.core.maps.mapfile import describe_position, read_grid, read_header, read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.chemistry.elements import symbol
from cryotools.core.structures.structure import KIND_NAMES, LIGAND, Structure
from cryotools.core.structures.structurefile import list_assemblies, looks_like_structure, read_structure

_TOLD = (CryotoolsWarning, CryotoolsNote)
_MODE_NAMES = {0: "int8", 1: "int16", 2: "float32", 6: "uint16", 12: "float16"}


def describe_file(path: str) -> dict[str, Any]:
    """Describe `path`, a map or a structure; "oddities" lists anything a reader must assume or ignore.

    Raises
    ------
    DataError
        The file is neither, or is too corrupt to describe.
    """
    if Path(path).is_fifo():
        raise DataError(f"{path}: is a pipe; give a file that can be read more than once")
    with open_bytes(path) as stream:
        start = stream.read(20000)
    with warnings.catch_warnings(record=True) as caught:
        for category in _TOLD:
            warnings.simplefilter("always", category)
        report = _describe_structure(path) if looks_like_structure(start) else _describe_map(path)
    prefix = f"{path}: "
    oddities = [str(w.message).removeprefix(prefix) for w in caught if issubclass(w.category, _TOLD)]
    return {**report, "oddities": list(dict.fromkeys(report.pop("oddities") + oddities))}


def _describe_map(path: str) -> dict[str, Any]:
    header = read_header(path)
    report: dict[str, Any] = {
        "file": path,
        "what": f"density map, MRC mode {header.mode} ({_MODE_NAMES[header.mode]})",
        "voxels_xyz": [header.n[header.axes.index(axis)] for axis in (1, 2, 3)],
        "axis_order": "".join("xyz"[axis - 1] for axis in header.axes),
        "byte_order": "little-endian" if header.byte_order == "<" else "big-endian",
    }
    size = [float(f"{step:.6g}") for step in header.voxel_size()]
    try:
        read_grid(path)
    except DataError as error:  # a stack, or a map without voxel size or position: the header can still be described
        reason = str(error).removeprefix(f"{path}: ")
        stack = "voxel size" not in reason and "correct the header" not in reason
        kind = "MRC file, not a single density map" if stack else "density map without a usable position"
        words = {"what": report["what"].replace("density map", kind), "voxel_size_A": size}
        return {**report, **words, "labels": list(header.labels), "oddities": [reason, *header.oddities]}
    volume = read_map(path, replace_non_finite=0.0)
    low, high, mean, deviation = statistics(volume.data)
    end = volume.grid.index_to_world(np.array(volume.data.shape[::-1]) - 1)
    return {
        **report,
        "voxel_size_A": size,
        "origin_A": _rounded(volume.origin),
        "end_A": _rounded(end),
        "position_from": describe_position(header),
        "minimum": low,
        "maximum": high,
        "mean": mean,
        "standard_deviation": deviation,
        "zero_fraction": float((volume.data == 0).mean()),
        "labels": list(header.labels),
        "oddities": _map_oddities(volume, low, high, mean),
    }


def _map_oddities(volume: Volume, low: float, high: float, mean: float) -> list[str]:
    oddities = []
    if max(volume.voxel_size) > 1.01 * min(volume.voxel_size):
        oddities.append(f"voxels are not cubic: {', '.join(f'{v:.4f}' for v in volume.voxel_size)} A")
    if low == high:
        oddities.append("every voxel has the same value")
    elif abs(low) > 1.5 * abs(high) and mean <= 0:
        oddities.append("the lowest value is farther from 0 than the highest: the contrast may be inverted")
    return oddities


def _describe_structure(path: str) -> dict[str, Any]:
    structure = read_structure(path, model="all", skip_unknown=True)
    low, high = structure.bounds()
    models = np.unique(structure.model)
    first = structure[structure.model == models[0]]
    elements, counts = np.unique(first.element, return_counts=True)
    ligands = sorted(set(first.residue_name[first.kind == LIGAND].tolist()))
    return {
        "file": path,
        "what": f"atomic model, {len(structure)} atoms" + (f" in {len(models)} models" if len(models) > 1 else ""),
        "size_bytes": Path(path).stat().st_size,
        "chains": ", ".join(chain or "_" for chain in dict.fromkeys(first.chain.tolist())),
        "residues": int(first.residue_index()[-1]) + 1,
        "atoms": ", ".join(
            f"{int((first.kind == k).sum())} of {name}" for k, name in enumerate(KIND_NAMES) if (first.kind == k).any()
        ),
        "elements": ", ".join(f"{symbol(e)} {n}" for e, n in zip(elements, counts, strict=True)),
        "ligands": ", ".join(ligands) or "none",
        "assemblies": ", ".join(list_assemblies(path)) or "none",
        "lowest_A": _rounded(low),
        "highest_A": _rounded(high),
        "b_factor_A2": f"{first.b_factor.min():.1f} to {first.b_factor.max():.1f}, mean {first.b_factor.mean():.1f}",
        "oddities": _structure_oddities(first),
    }


def _structure_oddities(structure: Structure) -> list[str]:
    found = {
        "atoms are in alternate locations": structure.altloc != "",
        "atoms have no occupancy or one below 0": ~(structure.occupancy >= 0),
        "atoms have occupancy 0": structure.occupancy == 0,
        "atoms have an occupancy between 0 and 1": (structure.occupancy > 0) & (structure.occupancy < 1),
        "atoms have an occupancy above 1": structure.occupancy > 1,
        "atoms have B factors above 300 A2": structure.b_factor > 300,
    }
    oddities = [f"{int(mask.sum())} {words}" for words, mask in found.items() if mask.any()]
    if not (structure.element == 1).any():
        oddities.append("there are no hydrogens")
    if len(structure) > 1 and np.ptp(structure.b_factor) == 0:
        oddities.append(f"every B factor is {structure.b_factor[0]:g}")
    return oddities


def _rounded(values: Sequence[float] | np.ndarray, digits: int = 3) -> list[float]:
    return [round(float(v), digits) for v in values]
