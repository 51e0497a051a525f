"""Report this machine's capabilities: torch, devices (tested with a small convolution), precisions, memory, weights."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryotools import __version__
from cryotools.core.memory import available_bytes

_WEIGHTS = Path(__file__).parents[1] / "weights"
_LIBRARIES = ("torch", "numpy", "scipy", "gemmi", "biopython", "mrcfile", "safetensors", "typer")


def diagnose(threads: int) -> dict[str, Any]:
    """Sections of name → value; for a device whose convolution fails, the value is the reason."""
    import torch

    torch.set_num_threads(threads)
    devices = {"cpu": _try_device(torch.device("cpu"))}
    for index in range(torch.cuda.device_count()):
        device = torch.device("cuda", index)
        free, total = torch.cuda.mem_get_info(device)
        words = f"{torch.cuda.get_device_name(device)}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
        devices[f"cuda:{index}"] = f"{words}, {_try_device(device)}"
    if torch.backends.mps.is_available():
        devices["mps"] = _try_device(torch.device("mps"))
    if not torch.cuda.is_available():
        devices["cuda"] = _why_no_cuda()
    return {
        "cryotools": {"version": __version__, "python": platform.python_version(), "prefix": sys.prefix},
        "libraries": {name: version(name) for name in _LIBRARIES},
        "devices": devices,
        "machine": {
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "threads": threads,
            "free memory": f"{available_bytes() / 2**30:.1f} GiB",
            "cpu instructions": torch.backends.cpu.get_cpu_capability(),
            "bf16 on the cpu": _bfloat16(),
        },
        "weights": {
            path.stem: f"{path.stat().st_size / 1e6:.1f} MB" for path in sorted(_WEIGHTS.glob("*.safetensors"))
        },
    }


def _try_device(device: Any) -> str:
    """Run a small convolution in each precision and report which give finite values."""
    import torch

    works = []
    for name in ("float32", "bfloat16", "float16"):
        try:
            dtype = getattr(torch, name)
            image = torch.ones(1, 2, 8, 8, 8, device=device, dtype=dtype)
            kernel = torch.full((2, 2, 3, 3, 3), 0.01, device=device, dtype=dtype)
            if torch.isfinite(torch.nn.functional.conv3d(image, kernel, padding=1)).all():
                works.append(name)
        except (RuntimeError, TypeError) as error:
            if name == "float32":
                return f"a convolution fails: {str(error).splitlines()[0]}"
    return f"convolutions work in {', '.join(works)}"


def _bfloat16() -> str:
    """Whether networks may use bf16 on the CPU, and the test results."""
    from cryotools.core.compute.bfloat16 import has_amx, why_not_bfloat16, wrong_convolutions

    wrong = wrong_convolutions()
    tried = f"convolutions wrong: {', '.join(wrong)}" if wrong else "convolutions and their gradients right"
    return f"{'no' if why_not_bfloat16() else 'yes'} ({'AMX' if has_amx() else 'no AMX'}; {tried})"


def _why_no_cuda() -> str:
    import torch

    if torch.version.cuda is None:
        return "no: this torch is a CPU build; for an NVIDIA GPU install the CUDA build (`cryotools docs install`)"
    return f"no: torch was built for CUDA {torch.version.cuda} but sees no usable GPU or driver"
