"""Fine-tuned networks that are kept, under names made from all that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cryotools.core.compute.checkpoint import shipped
from cryotools.core.errors import CryotoolsError, DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.homologs.adapt.finetune import FineTune, finetune
from cryotools.homologs.adapt.kinds import tuned_kind
from cryotools.homologs.search.database import default_cache


def cache_folder() -> Path:
    """Where fine-tuned networks are kept, in the user's cache folder.

    Raises
    ------
    DataError
        There is no home.
    """
    place = default_cache()
    if place is None:
        raise DataError("there is no home folder to keep networks in; name a folder by CRYOTOOLS_CACHE")
    return place / "finetuned"


def tuned_network(
    volume: Volume,
    resolution: float,
    homologs: Sequence[Structure],
    settings: FineTune,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Path, bool]:
    """The file of a network fitted to a map and homologs, and whether it was there already: in `cache`, or None for
    the user's cache folder.

    Raises
    ------
    DataError, UsageError
        As `finetune` does.
    """
    place = Path(cache or cache_folder()) / _digest(volume, resolution, homologs, settings)
    path = place / "model.safetensors"
    if (place / "model.json").exists():  # written last
        return path, True
    shutil.rmtree(place, ignore_errors=True)
    try:
        finetune(volume, resolution, homologs, place, settings, progress=progress)
    except CryotoolsError:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return path, False


def _digest(volume: Volume, resolution: float, homologs: Sequence[Structure], settings: FineTune) -> str:
    """Sixteen characters that identify the map, the homologs, the base network and the settings."""
    whole = hashlib.sha256(np.ascontiguousarray(volume.data).tobytes())
    whole.update(Path(settings.weights or shipped(tuned_kind(settings.task).weights)).read_bytes())
    for one in homologs:
        whole.update(np.ascontiguousarray(one.xyz).tobytes())
        whole.update("".join(one.residue_name.tolist()).encode())
    facts = asdict(settings) | {"weights": "", "resolution": resolution, "voxel_size": list(volume.voxel_size)}
    whole.update(json.dumps(facts, sort_keys=True).encode())
    return whole.hexdigest()[:16]
