"""Of several processes, the first talks to the user."""

from __future__ import annotations

import pytest

from cryotools.core.processes import own_work, talks


@pytest.mark.parametrize(
    ("size", "rank", "expected"), [(None, None, True), ("1", "0", True), ("2", "0", True), ("2", "1", False)]
)
def test_the_first_process_talks_and_each_about_its_own_work(monkeypatch, size, rank, expected):
    for name, value in (("WORLD_SIZE", size), ("RANK", rank)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert talks() == expected
    with own_work():
        assert talks()
    assert talks() == expected
