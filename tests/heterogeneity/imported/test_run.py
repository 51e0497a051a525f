"""Runs of cryoDRGN: volumes by its formulas, places, pixel sizes, and what is refused without executing anything."""

from __future__ import annotations

import datetime
import os
import pickle
from pathlib import Path

import cryodrgn_runs as peers
import numpy as np
import pytest
import torch
import yaml

from cryotools.core.errors import DataError, UsageError
from cryotools.heterogeneity.encoding import ENCODINGS
from cryotools.heterogeneity.fourier import spectrum_of
from cryotools.heterogeneity.runs import open_run

PLACE = [0.7, -1.3]


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("domain", ["fourier", "hartley"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_volumes_of_an_autoencoder_are_those_of_the_formulas(tmp_path: Path, encoding: str, domain: str) -> None:
    folder = peers.write_run(tmp_path / "run", encoding=encoding, domain=domain)
    volume = open_run(folder).volume(np.array(PLACE))
    assert _error(volume.data, peers.expected_volume(folder, PLACE)) < 1e-5
    assert (volume.voxel_size, volume.origin) == ((2.5,) * 3, (0.0,) * 3)


@pytest.mark.parametrize(
    "kind",
    [
        {"autoencoder": False, "zdim": 0},
        {"autoencoder": False, "zdim": 0, "encoding": "geom_lowf", "extent": 0.4},
        {"autoencoder": False, "zdim": 0, "encoding": "none", "domain": "hartley", "extent": 0.7},
        {"autoencoder": False, "zdim": 3},
        {"activation": "leaky_relu", "layers": 1, "zdim": 1},
        {"count": 3, "layers": 4, "width": 5},
        {"count": 3, "encoding": "geom_full", "box": 10},
        {"box": 6},  # half of it is odd, and float32 decides that 3² = 1² + 2² + 2² is beyond the edge
    ],
)
def test_volumes_of_other_trainings_and_networks_are_those_of_the_formulas(tmp_path: Path, kind: dict) -> None:
    folder = peers.write_run(tmp_path / "run", **kind)
    run = open_run(folder)
    place = np.linspace(-1, 1, kind.get("zdim", 2))
    assert (run.zdim, run.box) == (len(place), kind.get("box", peers.BOX))
    assert _error(run.volume(place).data, peers.expected_volume(folder, list(place))) < 1e-5


@pytest.mark.parametrize("domain", ["fourier", "hartley"])
def test_smaller_volumes_are_the_low_frequencies_of_the_whole_ones(tmp_path: Path, domain: str) -> None:
    run = open_run(peers.write_run(tmp_path / "run", box=12, encoding="geom_lowf", domain=domain))
    small = run.volume_of_box(np.array(PLACE), 8)
    found, whole = spectrum_of(small.data, 3), spectrum_of(run.volume(np.array(PLACE)).data, 3)[2:10, 2:10, 2:10]
    z, y, x = np.mgrid[-4:4, -4:4, -4:4]
    inside = x * x + y * y + z * z < 16
    assert np.allclose(found[inside], whole[inside] * (8 / 12) ** 3, atol=1e-4)
    assert small.voxel_size == (peers.PIXEL * 12 / 8,) * 3


def test_places_are_those_of_the_particles_and_of_the_same_epoch_as_the_weights(tmp_path: Path) -> None:
    folder = peers.write_run(tmp_path / "run")
    stored = pickle.loads((folder / "z.pkl").read_bytes())
    assert np.array_equal(open_run(folder).latent(), stored)
    assert np.array_equal(open_run(folder).latent_of(5), stored[5])
    (folder / "weights.pkl").rename(folder / "weights.12.pkl")
    (folder / "z.12.pkl").write_bytes(pickle.dumps(stored + 1))
    assert open_run(folder).file.name == "weights.12.pkl"
    assert np.array_equal(open_run(folder).latent(), stored + 1)


def test_a_training_without_places_says_so(tmp_path: Path) -> None:
    run = open_run(peers.write_run(tmp_path / "run", autoencoder=False, zdim=0))
    with pytest.raises(DataError, match=r"z\.pkl: no such file; the run has a single volume"):
        run.latent()


def test_the_pixel_size_is_that_of_the_ctf_parameters_or_is_given(tmp_path: Path) -> None:
    folder = peers.write_run(tmp_path / "run")
    assert open_run(folder).voxel_size == pytest.approx(peers.PIXEL)
    assert open_run(folder, voxel_size=3).volume(np.zeros(2)).voxel_size == (3.0,) * 3
    (folder / "ctf.pkl").rename(tmp_path / "ctf.pkl")  # beside the folder
    assert open_run(folder).voxel_size == pytest.approx(peers.PIXEL)
    (tmp_path / "ctf.pkl").unlink()
    with pytest.raises(DataError, match=r"pixel size, are not at /elsewhere/ctf\.pkl; give `voxel_size`"):
        open_run(folder)
    peers.change(folder, "dataset_args", ctf=None)
    with pytest.raises(DataError, match="has no CTF parameters"):
        open_run(folder)
    assert open_run(folder, voxel_size=3).voxel_size == 3


def test_old_runs_have_a_pickled_configuration_and_numbers_of_numpy_beside_the_weights(tmp_path: Path) -> None:
    folder = peers.write_run(tmp_path / "run")
    expected = open_run(folder).volume(np.array(PLACE)).data
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["dataset_args"]["norm"] = None
    (folder / "config.pkl").write_bytes(pickle.dumps(config))
    (folder / "config.yaml").unlink()
    stored = torch.load(folder / "weights.pkl", weights_only=True)
    more = {"search_pose": np.eye(3), "time": datetime.datetime(2020, 1, 2)}
    torch.save({**stored, "norm": [np.float32(0.3), np.float64(20)], **more}, folder / "weights.pkl")
    assert np.allclose(open_run(folder).volume(np.array(PLACE)).data, expected, atol=1e-7)


def test_rows_of_particles_are_those_that_were_trained_on(tmp_path: Path) -> None:
    folder = peers.write_run(tmp_path / "run")
    assert open_run(folder).rows().tolist() == list(range(peers.PARTICLES))
    peers.change(folder, "dataset_args", ind="/elsewhere/ind.pkl")
    with pytest.raises(DataError, match=r"/elsewhere/ind\.pkl, is not there; copy it"):
        open_run(folder).rows()
    (folder / "ind.pkl").write_bytes(pickle.dumps(np.arange(3, 27, 2)))
    run = open_run(folder)
    assert run.rows().tolist() == list(range(3, 27, 2))
    assert np.array_equal(run.latent_of(7), run.latent()[2])
    with pytest.raises(UsageError, match="the run has 12 of the particles 0 to 25"):
        run.latent_of(8)
    (folder / "ind.pkl").write_bytes(pickle.dumps(np.arange(5)))
    with pytest.raises(DataError, match=r"ind\.pkl: has 5 particles, but the run 12"):
        run.rows()


class _Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("made",)


@pytest.mark.parametrize("file", ["weights.pkl", "config.pkl", "config.yaml", "z.pkl"])
def test_what_would_be_executed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder = peers.write_run(tmp_path / "run")
    if file == "weights.pkl":
        torch.save({"model_state_dict": {}, "evil": _Evil()}, folder / file)
    elif file == "config.yaml":
        (folder / file).write_text("model_args: !!python/object/apply:os.mkdir [made]\n")
    else:
        (folder / file).write_bytes(pickle.dumps(_Evil()))
    if file == "config.pkl":
        (folder / "config.yaml").unlink()
    with pytest.raises(DataError, match=rf"{file}: .*(nothing was executed|refused for safety)"):
        open_run(folder).latent()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        ("model_args", {"pe_type": "spherical"}, "model_args.pe_type is spherical, which is not read; gaussian, "),
        ("model_args", {"pe_type": "none"}, "without positional encoding"),
        ("model_args", {"domain": "wavelet"}, "model_args.domain is wavelet, which is not read; fourier, hartley are"),
        ("model_args", {"domain": None}, "does not say model_args.domain"),
        ("model_args", {"domain": "hartley"}, r"layers.last.weight of shape \(2, 10\)"),
        ("model_args", {"activation": "gelu"}, "model_args.activation is gelu"),
        ("model_args", {"pe_type": "geom_ft", "pe_dim": 3}, "26 inputs, not those of a geom_ft encoding"),
        ("model_args", {"zdim": 5}, "and of 5 dimensions of z"),
        ("model_args", {"zdim": "two"}, "model_args.zdim is 'two'"),
        ("lattice_args", {"D": 8}, "D is 8; it is the box plus one"),
        ("dataset_args", {"norm": [1]}, "it is a mean and a standard deviation"),
        ("dataset_args", {"norm": None}, r"does not say dataset_args\.norm"),
    ],
)
def test_decoders_that_are_not_read_are_refused_by_name(tmp_path: Path, section: str, values: dict, words: str) -> None:
    folder = peers.write_run(tmp_path / "run")
    peers.change(folder, section, **values)
    with pytest.raises(DataError, match=words):
        open_run(folder)


def test_runs_of_other_programs_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    folder = peers.write_run(tmp_path / "run")
    stored = torch.load(folder / "weights.pkl", weights_only=True)
    weights = stored["model_state_dict"]
    for changed, words in (
        ({**stored, "model_state_dict": {"hypervolume.weight": torch.zeros(3)}}, "has no decoder of train_vae"),
        (
            {"model_state_dict": {**weights, "decoder.decoder.main.8.bias": torch.tensor([0.0])}},
            "layer decoder.*main.6",
        ),
        ({"model_state_dict": {k: v for k, v in weights.items() if "rand" not in k}}, "lacks the frequencies"),
        ({"model_state_dict": {k: v * torch.nan for k, v in weights.items()}}, "not finite .*; the training failed"),
        ({"epoch": 3}, "has no weights"),
    ):
        torch.save(changed, folder / "weights.pkl")
        with pytest.raises(DataError, match=rf"weights\.pkl: .*{words}"):
            open_run(folder)
    (folder / "weights.pkl").write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(DataError, match="is damaged"):
        open_run(folder)
    for name in ("weights.pkl", "weights.1.pkl"):
        (folder / name).unlink()
    with pytest.raises(DataError, match=r"has no weights\.pkl of cryoDRGN"):
        open_run(folder)
    (folder / "config.yaml").write_text("training:\n  hypervolume_dim: 256\n")
    with pytest.raises(DataError, match=r"is a run of abinit \(cryoDRGN-AI\), whose decoders are not read"):
        open_run(folder)
    (folder / "config.yaml").write_text("seed: 3\n")
    with pytest.raises(DataError, match="has no dataset_args; of cryoDRGN's runs, those of train_vae"):
        open_run(folder)
    (folder / "config.yaml").write_text("just text")
    with pytest.raises(DataError, match="is not the configuration of a run"):
        open_run(folder)


@pytest.mark.parametrize(
    ("stored", "words"),
    [([1, 2], "does not hold places of 2"), (np.zeros((4, 3)), "of 2 dim"), (np.full((4, 2), np.nan), "not numbers")],
)
def test_places_that_are_none_are_refused(tmp_path: Path, stored: object, words: str) -> None:
    folder = peers.write_run(tmp_path / "run")
    (folder / "z.pkl").write_bytes(pickle.dumps(stored))
    with pytest.raises(DataError, match=rf"z\.pkl: .*{words}"):
        open_run(folder).latent()
