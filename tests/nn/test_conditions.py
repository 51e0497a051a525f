from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import UsageError
from cryotools.nn.conditions import RESOLUTION_CONDITIONS, resolution_conditions


def test_conditions_say_the_resolution_and_whether_it_is_known():
    assert resolution_conditions(None).tolist() == [0, 0]
    assert resolution_conditions(4.0).tolist() == [0, 1]
    assert resolution_conditions(6.0).tolist() == [1, 1]
    assert resolution_conditions(500).tolist() == resolution_conditions(15).tolist()
    assert resolution_conditions(3.1).shape == (RESOLUTION_CONDITIONS,)
    assert resolution_conditions(3.1).dtype == np.float32


@pytest.mark.parametrize("resolution", [0, -3.0, float("nan"), float("inf")])
def test_other_resolutions_are_refused(resolution):
    with pytest.raises(UsageError, match="positive number"):
        resolution_conditions(resolution)
