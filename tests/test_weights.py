"""The networks that ship: complete cards, no pickle, small files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cryotools
from cryotools.anchors.network import RESIDUE_TYPE, TRACE
from cryotools.core.compute.checkpoint import SHIPPED, load_network
from cryotools.realism.network import EVALUATOR
from cryotools.simulate.learned.network import GENERATOR
from cryotools.simulate.learned.vae_network import VAE_GENERATOR
from cryotools.sites.network import BINDING_SITES
from cryotools.sse.network import SECONDARY_STRUCTURE

FOLDER = Path(cryotools.__file__).with_name("weights")
FILES = sorted(FOLDER.glob("*.safetensors"))
CARD = {"name", "architecture", "config", "trained_on", "held_out", "split", "seed", "command", "scores", "limits"}


def test_every_network_has_a_card_and_every_card_a_network():
    assert [path.stem for path in FILES] == sorted(SHIPPED)
    assert [path.stem for path in FILES] == sorted(path.stem for path in FOLDER.glob("*.json"))
    assert sum(path.stat().st_size for path in FILES) < 30e6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_network_is_what_its_card_says(path):
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card.keys() >= CARD
    assert card["name"] == path.stem
    assert not set(card["trained_on"]) & set(card["held_out"])
    assert path.stat().st_size < 12e6
    known = [GENERATOR, VAE_GENERATOR, EVALUATOR, SECONDARY_STRUCTURE, TRACE, RESIDUE_TYPE, BINDING_SITES]
    _, config, _ = load_network(path, known)
    assert {key: getattr(config, key) for key in card["config"]} == card["config"]
