"""--precision on every command that runs a network."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from cryotools.cli import options
from cryotools.cli.registry import COMMANDS, module
from cryotools.core.compute.device import PRECISIONS

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"
RESULTS = {"struc2map", "annotate-sse", "eval-sse", "detect-anchors", "eval-anchors", "eval-disc", "eval-drgn"}
RESULTS |= {"analyze-drgn", "build-model", "locate-sites"}
TRAININGS = {"finetune", "train-gan", "train-disc", "train-sse", "train-anchors", "train-sites", "train-drgn"}


def test_the_names_are_those_the_device_knows():
    assert {each.value for each in options.Precision} == {*PRECISIONS, "auto"}


def test_results_are_float32_by_default_and_training_is_what_the_hardware_does_best():
    defaults = {}
    for name in COMMANDS:
        parameters = inspect.signature(module(name).command).parameters
        assert ("device" in parameters) == ("precision" in parameters), name
        if "precision" in parameters:
            defaults[name] = parameters["precision"].default
    assert defaults == dict.fromkeys(RESULTS, "fp32") | dict.fromkeys(TRAININGS, "auto")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["struc2map", MODEL, "new.mrc"],
        ["struc2map", MODEL, "new.mrc", "--method", "vae-gan"],
        ["annotate-sse", REAL, "new"],
        ["eval-sse", REAL, MODEL],
        ["eval-disc", REAL, "new.mrc"],
    ],
    ids=lambda arguments: " ".join(str(each) for each in arguments if not isinstance(each, Path)),
)
def test_what_was_asked_for_reaches_the_network(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, "--precision", "fp16", "--device", "cpu")
    assert result.code == 2
    assert "--precision fp16: fp16 needs a GPU" in result.err
    assert not list(tmp_path.iterdir())
