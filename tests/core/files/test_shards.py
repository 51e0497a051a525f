from __future__ import annotations

from itertools import chain

import pytest

from cryotools.core.errors import UsageError
from cryotools.core.files.shards import Shard, parse_shard


def test_parts_cover_everything_once():
    items = list(range(11))
    parts = [parse_shard(f"{i}/4", {}).of(items) for i in range(1, 5)]
    assert sorted(chain(*parts)) == items


def test_a_slurm_array_is_the_default():
    array = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_COUNT": "4"}
    assert parse_shard(None, array) == Shard(3, 4)
    assert parse_shard("1/2", array) == Shard(1, 2)
    assert parse_shard(None, {}) == Shard(1, 1)


def test_names_tell_parts_apart():
    assert Shard(1, 1).name("report", ".csv") == "report.csv"
    assert Shard(2, 3).name("report", ".csv") == "report-2-of-3.csv"


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/4/2", "-1/4", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(UsageError, match="`shard`"):
        parse_shard(text, {})
