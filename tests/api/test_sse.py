"""Secondary structure from Python is what the command writes."""

from __future__ import annotations

import numpy as np
import pytest

import cryotools as ct


@pytest.mark.slow
def test_annotation_is_that_of_the_command(map_file, tmp_path, run):
    assert run("annotate-sse", map_file, tmp_path / "sse", "--res", "4").code == 0
    annotation = ct.annotate_sse(ct.read_map(map_file), 4)
    assert np.array_equal(annotation.labels, ct.read_map(tmp_path / "sse_labels.mrc").data)
