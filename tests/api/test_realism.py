"""The verdict of the discriminator from Python is what the command writes."""

from __future__ import annotations

import pytest

import cryotools as ct


@pytest.mark.slow
def test_verdict_is_that_of_the_command(structure, map_file, trypsin, tmp_path, run):
    assert run("eval-disc", map_file, tmp_path / "real.mrc", "--structure", trypsin).code == 0
    verdict = ct.judge_realism(map_file, structure)
    assert verdict.probability == ct.read_map(tmp_path / "real.mrc")
