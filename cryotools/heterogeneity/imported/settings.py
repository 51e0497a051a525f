"""What the configuration of a run of cryoDRGN says about its decoder and its particles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryotools.core.errors import DataError
from cryotools.heterogeneity.encoding import ENCODINGS
from cryotools.heterogeneity.metadata.pickles import read_pickled

CONFIGS = ("config.yaml", "config.pkl")  # the second in old runs
PLAIN = "none"  # the encoding that gives frequencies themselves
FOURIER, HARTLEY = "fourier", "hartley"
_READ = "train_vae, train_nn, train_dec, abinit_het_old and abinit_homo_old"
_ACTIVATIONS = ("relu", "leaky_relu")


@dataclass(frozen=True)
class CryodrgnSettings:
    """A decoder for volumes of `box` voxels.

    Attributes
    ----------
    encoding, count, sigma : as in `Encoding`, or PLAIN
    domain : FOURIER, where the network gives real and imaginary parts in half of the frequencies, or HARTLEY, where it
        gives Hartley values at all of them
    activation : relu or leaky_relu
    extent : what the frequency of half a cycle per voxel is for the network
    norm : mean and standard deviation of the Hartley values of images, by which they were normalised; None if it stands
        with the weights
    zdim : None if the configuration does not say it
    ctf, selected : files of CTF parameters, and of the numbers of the particles that were used; None without them
    """

    box: int
    encoding: str
    count: int | None
    sigma: float
    domain: str
    activation: str
    extent: float
    norm: tuple[float, float] | None
    zdim: int | None
    ctf: str | None
    selected: str | None


def config_file(folder: Path) -> Path | None:
    """The configuration of a run of cryoDRGN in `folder`; None if there is none."""
    return next((folder / name for name in CONFIGS if (folder / name).is_file()), None)


def read_settings(path: Path) -> CryodrgnSettings:
    """The settings in a config.yaml or config.pkl, of which nothing is executed.

    Raises
    ------
    DataError
        The file is damaged, is not that of a run of cryoDRGN, or describes a decoder that cannot be evaluated here.
    """
    whole = _read(path)
    if "training" in whole:
        raise DataError(f"{path}: is a run of abinit (cryoDRGN-AI), whose decoders are not read; {_READ} are")
    data, lattice, model = (_section(whole, f"{name}_args", path) for name in ("dataset", "lattice", "model"))
    nodes = _value(lattice, "lattice_args.D", int, path)
    if nodes % 2 == 0 or nodes < 3:
        raise DataError(f"{path}: lattice_args.D is {nodes}; it is the box plus one, and boxes are even")
    encoding = _choice(model, "model_args.pe_type", (*ENCODINGS, PLAIN), path)
    zdim = _optional(model, "model_args.zdim", int, path)
    if encoding == PLAIN and zdim:
        raise DataError(f"{path}: a decoder of z without positional encoding (pe_type none) is not read")
    return CryodrgnSettings(
        box=nodes - 1,
        encoding=encoding,
        count=_optional(model, "model_args.pe_dim", int, path),
        sigma=_optional(model, "model_args.feat_sigma", float, path) or 0.5,
        domain=_choice(model, "model_args.domain", (FOURIER, HARTLEY), path),
        activation=_choice({"activation": "relu", **model}, "model_args.activation", _ACTIVATIONS, path),
        extent=_optional(lattice, "lattice_args.extent", float, path) or 0.5,
        norm=_norm(data, path),
        zdim=zdim,
        ctf=_optional(data, "dataset_args.ctf", str, path),
        selected=_optional(data, "dataset_args.ind", str, path),
    )


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".pkl":
        found = read_pickled(path)
    else:
        import yaml

        try:
            found = yaml.safe_load(path.read_bytes())
        except yaml.YAMLError as error:
            where = str(error).splitlines()[0]
            raise DataError(f"{path}: is not plain YAML ({where}); nothing was executed") from error
    if not isinstance(found, Mapping):
        raise DataError(f"{path}: is not the configuration of a run of cryoDRGN")
    return found


def _section(whole: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    found = whole.get(name)
    if not isinstance(found, Mapping):
        raise DataError(f"{path}: has no {name}; of cryoDRGN's runs, those of {_READ} are read")
    return found


def _value(section: Mapping[str, Any], name: str, kind: type, path: Path) -> Any:
    found = _optional(section, name, kind, path)
    if found is None:
        raise DataError(f"{path}: does not say {name}; it is not complete")
    return found


def _optional(section: Mapping[str, Any], name: str, kind: type, path: Path) -> Any:
    """The value of the last part of `name` in its section; None if it is missing or null."""
    found = section.get(name.rpartition(".")[2])
    if found is None:
        return None
    accepted = (int, float) if kind is float else kind
    if not isinstance(found, accepted) or isinstance(found, bool):
        raise DataError(f"{path}: {name} is '{found}', which makes no sense there")
    return found


def _choice(section: Mapping[str, Any], name: str, choices: tuple[str, ...], path: Path) -> str:
    found = _value(section, name, str, path)
    if found not in choices:
        raise DataError(f"{path}: {name} is {found}, which is not read; {', '.join(choices)} are")
    return found


def _norm(data: Mapping[str, Any], path: Path) -> tuple[float, float] | None:
    found = data.get("norm")
    if found is None:
        return None
    try:
        mean, deviation = (float(each) for each in found)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: dataset_args.norm is {found}; it is a mean and a standard deviation") from error
    return mean, deviation
