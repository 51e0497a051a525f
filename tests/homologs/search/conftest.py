"""A small database of homologs, and the sequence that they are homologs of."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutated_structures import homolog_database


@pytest.fixture(scope="session")
def database_and_query(trypsin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("homologs") / "structures"
    return folder, homolog_database(folder, trypsin)
