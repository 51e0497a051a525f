"""A folder to run commands in."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_maps import density, map_bytes
from broken_structures import atom_line, pdb
from sse_network import at_random

MODEL = pdb(atom_line(), atom_line(" CB ", "14.104"), atom_line(" N  ", "12.000", "8.000", element="N"))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A network for annotate-sse and eval-sse."""
    return at_random(tmp_path_factory.mktemp("weights") / "net.safetensors", levels=1).read_bytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: bytes) -> Path:
    """The current folder, with a sound model, a sound map, a network and earlier outputs in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pdb").write_bytes(MODEL)
    (tmp_path / "map.mrc").write_bytes(map_bytes(density((10, 12, 14))))
    (tmp_path / "net.safetensors").write_bytes(network)
    (tmp_path / "out.mrc").write_text("an earlier map")
    (tmp_path / "out.csv").write_text("an earlier table")
    return tmp_path
