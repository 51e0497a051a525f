"""Open a finished reconstruction, whatever made it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.predict import DrgnRun

if TYPE_CHECKING:
    import torch


def open_run(folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> EnsembleRun:
    """The run in `folder`.

    Raises
    ------
    DataError
        The folder has no finished run, or its file is damaged.
    """
    return DrgnRun(folder, device)
