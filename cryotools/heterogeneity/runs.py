"""Open a finished reconstruction, whatever made it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryotools.core.compute.checkpoint import architecture_of
from cryotools.heterogeneity.ensemble import MODEL, EnsembleRun
from cryotools.heterogeneity.imported.run import CryodrgnRun
from cryotools.heterogeneity.imported.settings import config_file
from cryotools.heterogeneity.linear.model import LINEAR
from cryotools.heterogeneity.linear.predict import LinearRun
from cryotools.heterogeneity.metadata.record import check_voxel_size
from cryotools.heterogeneity.predict import DrgnRun

if TYPE_CHECKING:
    import torch


def open_run(
    folder: str | os.PathLike[str], device: str | torch.device = "cpu", voxel_size: float | None = None
) -> EnsembleRun:
    """The run in `folder`, of train-drgn or of cryoDRGN.

    Parameters
    ----------
    voxel_size : of its volumes, Å; None takes what the run says

    Raises
    ------
    UsageError
        The voxel size is not a positive number.
    DataError
        The folder has no finished run, its files are damaged, or its voxel size is not known.
    """
    check_voxel_size(voxel_size)
    if config_file(Path(folder)):
        return CryodrgnRun(folder, device, voxel_size)
    kind = LinearRun if architecture_of(Path(folder) / MODEL) == LINEAR.name else DrgnRun
    found = kind(folder, device)
    found.voxel_size = voxel_size or found.voxel_size
    return found
