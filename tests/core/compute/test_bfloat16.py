from __future__ import annotations

import re

import pytest
import torch

from cryotools.core.compute import bfloat16

_REAL = bfloat16._results


@pytest.fixture
def results(monkeypatch):
    """Put a function of (image, weight, above, stride) in the place of this CPU's bf16 convolutions."""

    def put(made):
        def replaced(image, weight, above, stride, precision):
            if precision == torch.float32:
                return _REAL(image, weight, above, stride, precision)
            return made(image, weight, above, stride)

        monkeypatch.setattr(bfloat16, "_results", replaced)
        monkeypatch.setattr(bfloat16, "_SIZES", (2, 3))
        monkeypatch.setattr(bfloat16, "_CHANNELS", ((8, 16),))
        return bfloat16.wrong_convolutions.__wrapped__()

    return put


def right(image, weight, above, stride):
    return _REAL(image, weight, above, stride, torch.float32)


@pytest.mark.slow
def test_what_is_rounded_to_bf16_is_right(results):
    def rounded(*arguments):
        return [
            result.bfloat16().float() for result in right(*(a.bfloat16().float() for a in arguments[:3]), arguments[3])
        ]

    assert results(rounded) == ()


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("fault", [float("nan"), float("inf"), 1e30, 0.0])
def test_a_result_that_is_wrong_at_one_size_is_named(results, number, fault):
    def faulty(image, *more):
        found = right(image, *more)
        if image.shape[-1] == 3:
            found[number][0] = fault
        return found

    assert results(faulty) == (f"{bfloat16._RESULTS[number]} at 3 x 3 x 3 voxels",)


@pytest.mark.slow
def test_what_is_wrong_only_at_times_is_found(results):
    calls = []

    def faulty(image, *more):
        found = right(image, *more)
        calls.append(image.shape[-1])
        if image.shape[-1] == 2 and calls.count(2) % 5 == 0:
            found[2][:] = float("nan")
        return found

    assert results(faulty) == ("weight gradient at 2 x 2 x 2 voxels",)


@pytest.mark.slow
def test_it_is_tried_once_draws_no_random_numbers_and_runs_inside_inference():
    bfloat16.wrong_convolutions.cache_clear()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        found = bfloat16.wrong_convolutions()
    assert torch.equal(torch.rand(1), expected)
    assert bfloat16.wrong_convolutions() is found
    assert all(re.fullmatch(r"(output|\w+ gradient) at (\d) x \2 x \2 voxels", fault) for fault in found)


def test_a_torch_that_cannot_say_has_no_amx(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not bfloat16.has_amx()
    assert "no AMX" in bfloat16.why_not_bfloat16()
