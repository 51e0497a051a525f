"""Small runs of cryoDRGN in the layout that it writes, with random weights, and their volumes by the formulas alone."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

BOX, PARTICLES, PIXEL = 8, 12, 2.5


def write_run(
    folder: Path,
    *,
    encoding: str = "gaussian",
    domain: str = "fourier",
    activation: str = "relu",
    zdim: int = 2,
    box: int = BOX,
    count: int | None = None,
    layers: int = 2,
    width: int = 10,
    extent: float = 0.5,
    autoencoder: bool = True,
    seed: int = 0,
) -> Path:
    """A run of train_vae, or, without `autoencoder`, of train_nn or train_dec."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    waves = count or box // 2
    inputs = zdim + (3 if encoding == "none" else 6 * waves)
    outer = "decoder." if autoencoder else ""
    inner = outer if encoding == "none" else f"{outer}decoder."
    sizes = [inputs, *[width] * (layers + 1), 2 if domain == "fourier" else 1]
    weights = {f"{outer}rand_freqs": 0.5 * random.normal(size=(3 * waves, 3))} if encoding == "gaussian" else {}
    for at, (less, more) in enumerate(pairwise(sizes)):
        name = f"{inner}main.{2 * at}{'.linear' if 0 < at <= layers else ''}"
        weights[f"{name}.weight"] = random.normal(size=(more, less)) / np.sqrt(less)
        weights[f"{name}.bias"] = random.normal(size=more)
    if autoencoder:
        weights["encoder.main.0.weight"] = random.normal(size=(4, 4))
    state = {name: torch.from_numpy(value).float() for name, value in weights.items()}
    for name in ("weights.1.pkl", "weights.pkl"):
        torch.save({"epoch": 1, "model_state_dict": state, "optimizer_state_dict": {"state": {}}}, folder / name)
    if autoencoder:
        model: dict[str, Any] = {"players": layers, "pdim": width, "encode_mode": "resid", "zdim": zdim}
    else:
        model = {"layers": layers, "dim": width} | ({"zdim": zdim} if zdim else {})
    model |= {"pe_type": encoding, "pe_dim": count, "domain": domain, "activation": activation, "feat_sigma": 0.5}
    data = {"particles": "/elsewhere/particles.mrcs", "norm": [0.3, 20.0], "invert_data": True, "ind": None}
    config = {
        "dataset_args": data | {"ctf": "/elsewhere/ctf.pkl"},
        "lattice_args": {"D": box + 1, "extent": extent, "ignore_DC": True},
        "model_args": model,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    table = np.tile([2 * box, PIXEL / 2, 12_000, 11_000, 20, 300, 2.7, 0.1, 0], (PARTICLES, 1))
    (folder / "ctf.pkl").write_bytes(pickle.dumps(table.astype(np.float32)))
    if zdim:
        places = random.normal(size=(PARTICLES, zdim)).astype(np.float32)
        (folder / "z.pkl").write_bytes(pickle.dumps(places) + pickle.dumps(np.zeros_like(places)))
    return folder


def change(folder: Path, section: str, **values: Any) -> None:
    """Other values in the configuration; those that are None are taken away."""
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    kept = {name: value for name, value in (config[section] | values).items() if value is not None}
    path.write_text(yaml.safe_dump(config | {section: kept}))


def expected_volume(folder: Path, latent: list[float]) -> np.ndarray:
    """The volume (z, y, x) at a place: the network at one frequency after the other, and a sum of Hartley waves."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    stored = torch.load(folder / "weights.pkl", weights_only=True)["model_state_dict"]
    weights = {name: tensor.numpy().astype(float) for name, tensor in stored.items() if "encoder" not in name}
    mean, deviation = config["dataset_args"]["norm"]
    box, extent = config["lattice_args"]["D"] - 1, config["lattice_args"]["extent"]
    places = [(z, y, x) for z in _axis(box) for y in _axis(box) for x in _axis(box)]
    hartley = np.zeros(len(places))
    edge = np.linspace(-extent, extent, box + 1, dtype=np.float32)  # cryoDRGN's numbers, to have its rounding
    for at, (z, y, x) in enumerate(places):
        frequency = np.array([x, y, z]) / box * 2 * extent
        if config["model_args"]["domain"] == "hartley":
            hartley[at] = _network(weights, config["model_args"], box, frequency, latent)[0]
        elif sum(edge[k + box // 2] ** 2 for k in (x, y, z)) <= np.float32(extent**2):
            half = -1 if (z, y, x) > (0, 0, 0) else 1  # of the other, its negative is evaluated and conjugated
            real, imaginary = _network(weights, config["model_args"], box, half * frequency, latent)
            hartley[at] = real - half * imaginary
    angles = 2 * np.pi * np.array(places) @ np.array(places).T / box
    values = (np.cos(angles) + np.sin(angles)) @ (deviation * hartley + mean) / box**3
    return values.reshape(box, box, box)


def _axis(box: int) -> range:
    return range(-(box // 2), box // 2)


def _network(
    weights: dict[str, np.ndarray], model: dict[str, Any], box: int, frequency: np.ndarray, latent: list[float]
) -> np.ndarray:
    slope = {"relu": 0.0, "leaky_relu": 0.01}[model["activation"]]
    x = np.concatenate([_encoded(weights, model, box, frequency), latent])
    names = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    for at, name in enumerate(sorted(names, key=lambda name: int(name.split("main.")[1].split(".")[0]))):
        y = weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]
        y = x + y if name.endswith("linear") else y
        x = y if at == len(names) - 1 else np.where(y > 0, y, slope * y)
    return x


def _encoded(weights: dict[str, np.ndarray], model: dict[str, Any], box: int, frequency: np.ndarray) -> np.ndarray:
    kind, n = model["pe_type"], model["pe_dim"] or box // 2
    if kind == "none":
        return frequency
    if kind == "gaussian":
        random = next(value for name, value in weights.items() if name.endswith("rand_freqs"))
        angles = box // 2 * random @ frequency
        return np.concatenate([np.sin(angles), np.cos(angles)])
    steps, half = np.arange(n) / (n - 1), box / 2
    series = {
        "geom_ft": 2 * np.pi * half * (1 / half) ** steps,
        "geom_full": np.pi * box * (1 / (np.pi * box)) ** steps,
        "geom_lowf": half * (1 / half) ** steps,
        "geom_nohighf": half * (2 * np.pi / half) ** steps,
        "linear_lowf": np.arange(1, n + 1),
    }[kind]
    return np.concatenate([f(value * series) for value in frequency for f in (np.sin, np.cos)])
