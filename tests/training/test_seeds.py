from __future__ import annotations

import numpy as np

from cryotools.training.seeds import random_for


def test_every_map_has_its_own_numbers_and_the_same_ones_always():
    numbers = {
        (seed, name): random_for(seed, name).random(4).tolist() for seed in (0, 1) for name in ("a", "b", "α", "")
    }
    assert len({tuple(each) for each in numbers.values()}) == len(numbers)
    assert numbers[0, "a"] == random_for(0, "a").random(4).tolist()
    # sha256 of "a" begins with ca978112ca1bbdca, on every machine
    expected = np.random.default_rng([0, 0xCA978112CA1BBDCA]).random(4).tolist()
    assert numbers[0, "a"] == expected
