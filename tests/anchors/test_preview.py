"""The picture of anchors: what is right and what is wrong is told by colour, at its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from found_residues import found_residues

from cryotools.anchors.compare import RIGHT, UNJUDGED, WRONG_PLACE, WRONG_TYPE, ModelComparison
from cryotools.anchors.detected import Detection
from cryotools.anchors.labels import ResidueTruth
from cryotools.anchors.preview import draw_anchors
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.volume import Volume

pytest.importorskip("matplotlib")
COLOURS = {"right": (33, 102, 172), "type": (224, 130, 20), "place": (214, 48, 29), "chain": (77, 172, 38)}


def detection(n: int = 12) -> Detection:
    """A straight path along x, in the middle of a box with density in its middle."""
    data = np.zeros((20, 30, 60), dtype=np.float32)
    data[8:12, 13:17, 6:54] = 1
    ca = np.stack([6 + 3.8 * np.arange(n), np.full(n, 15.0), np.full(n, 10.0)], axis=1)
    residues = found_residues(np.eye(20)[np.zeros(n, int)], [n], ca=ca)
    return Detection(Volume(data, (1.0, 1.0, 1.0)), residues, {}, Levels(0, 1, 9, None), 3)


def model(found: Detection, verdict: list[int]) -> ModelComparison:
    """A model's chain parallel to the path, 6 Å away, and these verdicts."""
    n, nothing = len(found.residues), np.zeros((0, 3), dtype=np.float32)
    places = (found.residues.ca + np.array([0, 6, 0])).astype(np.float32)
    amino, state = np.zeros(n, dtype=np.uint8), np.zeros(n, dtype=np.uint8)
    before, after = found.residues.before, found.residues.after
    truth = ResidueTruth(places, places, amino, state, before, after, nothing, nothing, nothing, nothing)
    return ModelComparison(truth, np.array(verdict, dtype=np.uint8), 1.0)


def drawn(
    tmp_path: Path, found: Detection, which: np.ndarray, compared: ModelComparison | None = None
) -> dict[str, int]:
    """The number of pixels of each colour, above the legend."""
    from matplotlib.image import imread

    path = tmp_path / "preview.png"
    draw_anchors(str(path), found, which, "path", compared)
    picture = (255 * imread(path)[..., :3]).round()
    picture = picture[: int(0.88 * len(picture))]
    return {name: int((np.abs(picture - colour).max(axis=2) < 30).sum()) for name, colour in COLOURS.items()}


def test_without_a_model_all_anchors_look_right(tmp_path: Path) -> None:
    found = detection()
    some, more = (drawn(tmp_path, found, np.arange(count)) for count in (4, 12))
    assert some["right"] > 50
    assert more["right"] > 1.5 * some["right"]
    assert more["type"] == more["place"] == more["chain"] == 0


def test_with_a_model_wrong_anchors_are_marked_by_what_is_wrong(tmp_path: Path) -> None:
    found = detection()
    right = drawn(tmp_path, found, np.arange(12), model(found, [RIGHT] * 12))
    assert min(right["right"], right["chain"]) > 50
    assert right["type"] == right["place"] == 0
    mixed = [RIGHT] * 3 + [WRONG_TYPE] * 3 + [WRONG_PLACE] * 3 + [UNJUDGED] * 3
    told = drawn(tmp_path, found, np.arange(12), model(found, mixed))
    assert min(told["type"], told["place"]) > 50
    assert told["right"] < right["right"]
    hidden = drawn(tmp_path, found, np.arange(3), model(found, mixed))
    assert hidden["type"] == hidden["place"] == 0  # of no anchor


def test_a_map_in_which_nothing_is_found_is_drawn(tmp_path: Path) -> None:
    found = detection(0)
    assert drawn(tmp_path, found, np.zeros(0, dtype=int))["right"] == 0
