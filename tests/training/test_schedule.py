import pytest

from cryotools.training.schedule import Schedule


def test_the_rate_rises_then_falls_to_a_hundredth() -> None:
    schedule = Schedule(1000, peak=1.0, warmup=10)
    rates = [schedule.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert rates.index(max(rates)) in (9, 10)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    schedule.finish(200)
    assert schedule.end == 1000


def test_with_a_cooldown_the_rate_stays_until_the_run_is_finished() -> None:
    schedule = Schedule(1000, peak=1.0, warmup=10, cooldown=0.25)
    assert [schedule.rate(step) for step in (10, 500, 799)] == [1.0] * 3
    assert schedule.end == 1000
    schedule.finish(400)
    assert schedule.end == 500
    assert schedule.rate(400) == 1.0
    assert schedule.rate(450) == pytest.approx(0.505)
    assert schedule.rate(499) == pytest.approx(0.0199)
    schedule.finish(450)
    assert schedule.end == 500


def test_a_run_that_never_finishes_cools_down_at_its_end() -> None:
    schedule = Schedule(1000, peak=1.0, warmup=10, cooldown=0.25)
    schedule.finish(900)  # the rate falls already
    assert schedule.end == 1000
    assert schedule.rate(999) == pytest.approx(0.01, abs=0.01)
