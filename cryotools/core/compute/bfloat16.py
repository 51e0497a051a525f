"""Decide whether a CPU may compute in bf16: only if it has AMX and torch's bf16 convolutions are correct on it.

Without AMX, bf16 is slower than float32. On some CPUs torch 2.13 (oneDNN) gives wrong or non-finite weight gradients
for 3D convolutions of 2 × 2 × 2 voxels but correct ones at other sizes, so all sizes that networks use are tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

_SIZES = (1, 2, 3, 4, 6, 8)  # voxels along an edge: training cubes are this small at the deepest level
_CHANNELS = ((8, 16), (32, 64))
_KERNELS = ((3, 1), (3, 2), (1, 1))  # kernel size in voxels, and stride
_FORMATS = (torch.contiguous_format, torch.channels_last_3d)
_TRIES = 3  # errors do not occur every time
_TOLERANCE = 0.03  # relative error; rounding to bf16 gives 0.003
_RESULTS = ("output", "input gradient", "weight gradient")


def why_not_bfloat16() -> str:
    """Why this CPU should not compute in bf16; empty if it may."""
    if not has_amx():
        return "bf16 is slow on this CPU, which has no AMX"
    wrong = wrong_convolutions()
    return f"torch {torch.__version__} computes bf16 convolutions incorrectly on this CPU ({wrong[0]})" if wrong else ""


def has_amx() -> bool:
    """True if the CPU has AMX tile multiplication for bf16; False if torch cannot tell."""
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)  # torch has no public function for it
    return bool(ask and ask())


@cache
def wrong_convolutions() -> tuple[str, ...]:
    """Results of bf16 convolutions that deviate from float32 on this CPU, at sizes that networks use; tested once per
    process.
    """
    found: dict[str, None] = {}
    with torch.inference_mode(False), torch.enable_grad():
        for size, (channels, (kernel, stride)) in product(_SIZES, product(_CHANNELS, _KERNELS)):
            for result in _wrong(size, channels, kernel, stride):
                found[f"{result} at {size} x {size} x {size} voxels"] = None
    return tuple(found)


def _wrong(size: int, channels: tuple[int, int], kernel: int, stride: int) -> Iterator[str]:
    """Names of the results that are wrong for one convolution."""
    random = torch.Generator().manual_seed(size)
    inputs, outputs = channels
    image = torch.randn(4, inputs, *(size,) * 3, generator=random)
    weight = torch.randn(outputs, inputs, *(kernel,) * 3, generator=random) / (inputs * kernel**3) ** 0.5
    after = (size - 1) // stride + 1
    above = torch.randn(4, outputs, *(after,) * 3, generator=random)
    right = _results(image, weight, above, stride, torch.float32)
    laid_out = [
        (image.contiguous(memory_format=layout), weight.contiguous(memory_format=layout)) for layout in _FORMATS
    ]
    tried = [_results(*pair, above, stride, torch.bfloat16) for pair in laid_out for _ in range(_TRIES)]
    for number, (name, wanted) in enumerate(zip(_RESULTS, right, strict=True)):
        errors = [float((results[number] - wanted).norm() / wanted.norm()) for results in tried]
        if not all(error <= _TOLERANCE for error in errors):  # also catches NaN
            yield name


def _results(image: Tensor, weight: Tensor, above: Tensor, stride: int, precision: torch.dtype) -> list[Tensor]:
    """A convolution's output and its gradients with respect to input and weight, computed as in training; float32."""
    image, weight = image.detach().requires_grad_(), weight.detach().requires_grad_()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32, cache_enabled=False):
        made = functional.conv3d(image, weight, stride=stride, padding=weight.shape[-1] // 2)
    gradients = torch.autograd.grad(made.float(), (image, weight), above)
    return [made.detach().float(), *(gradient.float() for gradient in gradients)]
