from __future__ import annotations

import warnings

import pytest
import torch

from cryotools.core.compute import bfloat16
from cryotools.core.compute.device import resolve_device, resolve_precision
from cryotools.core.errors import CryotoolsNote, DataError, UsageError


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def with_two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7", "mps"])
@pytest.mark.usefixtures("without_gpu")
def test_a_device_asked_for_and_absent_is_an_error_not_a_fall_back(name):
    with pytest.raises(DataError, match=f"`device` {name}: .*doctor"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "CUDA", "cpu:0", "mps:1", "cuda:x", "cuda:-1", "auto:0", "cuda:1.5"])
def test_unknown_names_are_a_mistake_of_usage(name):
    with pytest.raises(UsageError, match="give auto, cpu, cuda, cuda:N or mps"):
        resolve_device(name)


def test_the_cpu_is_taken_quietly_when_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("without_gpu")
def test_auto_on_the_cpu_says_so_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("once", CryotoolsNote)  # the filter that the program sets
        assert resolve_device() == resolve_device("auto") == torch.device("cpu")
    assert len(caught) == 1
    assert "running on the CPU" in str(caught[0].message)


@pytest.mark.usefixtures("with_two_gpus")
def test_auto_takes_the_current_gpu():
    assert resolve_device("auto") == torch.device("cuda", 1)


@pytest.mark.usefixtures("with_two_gpus")
def test_gpus_go_by_number():
    assert resolve_device("cuda") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(DataError, match="2 CUDA devices"):
        resolve_device("cuda:2")


@pytest.mark.usefixtures("cpu_takes_bf16")
def test_precisions_go_by_name():
    cpu = torch.device("cpu")
    assert resolve_precision("fp32", cpu) == torch.float32
    assert resolve_precision("bf16", cpu) == torch.bfloat16
    assert resolve_precision("fp16", torch.device("cuda")) == torch.float16


@pytest.mark.parametrize("amx", [True, False, None])
@pytest.mark.parametrize("wrong", [(), ("weight gradient at 2 x 2 x 2 voxels",)])
def test_a_cpu_takes_bfloat16_where_it_is_fast_and_right(monkeypatch, amx, wrong):
    if amx is None:  # a torch without the private name
        monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(bfloat16, "wrong_convolutions", lambda: wrong)
    cpu = torch.device("cpu")
    assert resolve_precision("fp32", cpu) == torch.float32
    if amx and not wrong:
        assert resolve_precision("auto", cpu) == resolve_precision("bf16", cpu) == torch.bfloat16
        return
    assert resolve_precision("auto", cpu) == torch.float32
    words = r"incorrectly on this CPU \(weight gradient at 2 x 2 x 2 voxels\)" if amx else "no AMX"
    with pytest.raises(DataError, match=f"`precision` bf16: .*{words}.*; use fp32 or a GPU"):
        resolve_precision("bf16", cpu)


def test_auto_precision_is_bfloat16_on_gpus_that_are_fast_at_it(monkeypatch):
    for capability, wanted in (((8, 0), torch.bfloat16), ((7, 5), torch.float32)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        assert resolve_precision("auto", torch.device("cuda")) == wanted
    assert resolve_precision("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize("name", ["double", "FP32", ""])
def test_unknown_precisions_are_a_mistake_of_usage(name):
    with pytest.raises(UsageError, match="give auto, fp32, bf16 or fp16"):
        resolve_precision(name, torch.device("cpu"))


def test_half_precision_is_refused_on_a_cpu():
    with pytest.raises(UsageError, match="use fp32 on a CPU"):
        resolve_precision("fp16", torch.device("cpu"))
