from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cryotools.core.compute.checkpoint import (
    Architecture,
    load_network,
    load_shipped,
    load_state,
    save_network,
    save_state,
    shared_network,
)
from cryotools.core.errors import DataError


@dataclass(frozen=True)
class Config:
    widths: tuple[int, ...] = (3, 5)
    bias: bool = True


def build(config: Config) -> nn.Module:
    layers = [nn.Linear(a, b, bias=config.bias) for a, b in zip(config.widths, config.widths[1:], strict=False)]
    return nn.Sequential(*layers)


CHAIN = Architecture("chain", Config, build)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    config = Config((3, 7, 2))
    network = build(config)
    path = tmp_path / "chain.safetensors"
    save_network(path, network, CHAIN, config, about={"seed": "0"})
    return path, network, config


def test_a_file_alone_rebuilds_its_network(saved):
    path, network, config = saved
    rebuilt, found, metadata = load_network(path, [CHAIN])
    x = torch.randn(4, 3)
    assert torch.equal(rebuilt(x), network(x))
    assert found == config
    assert metadata["seed"] == "0"
    assert not rebuilt.training


def test_half_precision_halves_the_file_and_loads_as_float32(saved, tmp_path):
    _, network, config = saved
    save_network(tmp_path / "half.safetensors", network, CHAIN, config, half=True)
    rebuilt, _, _ = load_network(tmp_path / "half.safetensors", [CHAIN])
    assert rebuilt[0].weight.dtype == torch.float32
    assert torch.allclose(rebuilt[0].weight, network[0].weight, atol=1e-3)


def test_another_architecture_is_refused_by_name(saved):
    other = Architecture("unet", Config, build)
    with pytest.raises(DataError, match="kind 'chain'; this command takes unet"):
        load_network(saved[0], [other])


def test_weights_that_do_not_fit_the_config_are_named(saved):
    path, network, _ = saved
    save_network(path, network, CHAIN, Config((3, 7, 2), bias=False))
    with pytest.raises(
        DataError, match=r": 2 weights are unknown to the network \(0\.bias, 1\.bias\); the file belongs"
    ):
        load_network(path, [CHAIN])
    save_network(path, network, CHAIN, Config((3, 7, 4)))
    with pytest.raises(DataError, match=r": \d weights are of the wrong shape \(.*1\.weight.*\); the file belongs"):
        load_network(path, [CHAIN])
    save_network(path, network[:1], CHAIN, Config((3, 7, 2)))
    with pytest.raises(DataError, match=r": 2 weights are missing from it \(1\.bias, 1\.weight\)"):
        load_network(path, [CHAIN])


def test_weights_that_are_not_finite_are_refused(saved):
    path, network, config = saved
    with torch.no_grad():
        network[0].weight[0, 0] = float("nan")
    save_network(path, network, CHAIN, config)
    with pytest.raises(DataError, match=r"0\.weight is not finite"):
        load_network(path, [CHAIN])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\x80\x04K\x01.", "damaged or not a safetensors"),
        (b"", "damaged or not a safetensors"),
    ],
)
def test_files_that_are_no_weights_say_so(tmp_path, content, message):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_network(path, [CHAIN])


def test_a_truncated_file_is_refused(saved):
    path = saved[0]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="damaged"):
        load_network(path, [CHAIN])


def test_a_config_of_another_version_is_refused(saved):
    @dataclass(frozen=True)
    class Other:
        depth: int = 1

    with pytest.raises(DataError, match="does not fit this version"):
        load_network(saved[0], [Architecture("chain", Other, build)])


@pytest.mark.slow
def test_a_training_state_comes_back_equal(tmp_path):
    network = build(Config())
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    state = {"step": 3, "best": 0.5, "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state(), "note": None}
    save_state(tmp_path / "state.pt", state)
    back = load_state(tmp_path / "state.pt")
    assert back["step"] == 3
    assert torch.equal(back["rng"], state["rng"])
    moments = back["optimizer"]["state"][0]["exp_avg"]
    assert torch.equal(moments, state["optimizer"]["state"][0]["exp_avg"])


def test_objects_are_refused_when_saving(tmp_path):
    with pytest.raises(TypeError, match=r"state\['where'\] is a PosixPath"):
        save_state(tmp_path / "state.pt", {"where": tmp_path})
    assert not list(tmp_path.iterdir())


class Malicious:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "state.pt", tmp_path / "trace"
    torch.save({"evil": Malicious(f"touch {trace}")}, path)
    with pytest.raises(DataError, match="refused for safety"):
        load_state(path)
    assert not trace.exists()


def test_a_damaged_or_absent_state_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="nothing to resume"):
        load_state(tmp_path / "absent.pt")
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(DataError, match="damaged"):
        load_state(tmp_path / "broken.pt")


def test_a_shared_network_is_read_once_while_its_file_stays(saved, monkeypatch):
    path, network, _ = saved
    first = shared_network(path, [CHAIN])
    assert shared_network(str(path), [CHAIN])[0] is first[0]
    monkeypatch.chdir(path.parent)
    assert torch.equal(shared_network(path.name, [CHAIN])[0][0].weight, network[0].weight)


def test_a_rewritten_file_gives_its_new_network_even_with_size_and_times_kept(saved):
    path, network, config = saved
    before, times = shared_network(path, [CHAIN])[0][0].weight, path.stat()
    other = build(config)
    save_network(path, other, CHAIN, config, about={"seed": "0"})
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    after = shared_network(path, [CHAIN])[0][0].weight
    assert torch.equal(before, network[0].weight)
    assert torch.equal(after, other[0].weight)


def test_a_file_of_one_name_in_another_folder_is_another_network(saved, tmp_path, monkeypatch):
    path, network, config = saved
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    shutil.copy(path, tmp_path / "first" / path.name)
    other = build(config)
    save_network(tmp_path / "second" / path.name, other, CHAIN, config)
    found = []
    for folder in ("first", "second"):
        monkeypatch.chdir(tmp_path / folder)
        found.append(shared_network(path.name, [CHAIN])[0][0].weight)
    assert torch.equal(found[0], network[0].weight)
    assert torch.equal(found[1], other[0].weight)


def test_a_shared_network_of_another_kind_is_refused_though_it_was_read_before(saved):
    shared_network(saved[0], [CHAIN])
    with pytest.raises(DataError, match="kind 'chain'; this command takes unet"):
        shared_network(saved[0], [Architecture("unet", Config, build)])


def test_a_file_that_is_gone_is_not_remembered(saved):
    path = saved[0]
    shared_network(path, [CHAIN])
    path.unlink()
    with pytest.raises(DataError, match=r"chain\.safetensors: no such file"):
        shared_network(path, [CHAIN])


def test_a_shared_network_learns_nothing(saved):
    network, _, metadata = shared_network(saved[0], [CHAIN])
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(TypeError):
        metadata["seed"] = "1"


def test_a_file_of_weights_takes_the_place_of_the_shipped_network(saved):
    assert load_shipped("map-generator", [CHAIN], saved[0])[0] is shared_network(saved[0], [CHAIN])[0]
    with pytest.raises(DataError, match=r"map-generator\.safetensors: contains a network of kind 'map-generator'"):
        load_shipped("map-generator", [CHAIN])
    with pytest.raises(ValueError, match="no network 'map-maker' is shipped with cryotools"):
        load_shipped("map-maker", [CHAIN])
