"""Domain adaptation: its losses against closed forms, the pairs in a batch, and runs that resume."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from residue_examples import same_states, small_pair, states_of_runs

from cryotools.anchors.learning.adapt import (
    ADAPTATIONS,
    DomainAdversary,
    MeanDiscrepancy,
    gaussian_mmd,
    make_adaptation,
    pair_distance,
    reversed_gradient,
)
from cryotools.anchors.learning.domains import DOMAINS, EM, SIM, XRAY, Domains
from cryotools.anchors.learning.draws import draw_cubes
from cryotools.anchors.learning.examples import ResidueExample, experimental_residues
from cryotools.anchors.learning.twins import TwinnedExample, twinned_residues
from cryotools.anchors.learning.types import TypeTask, TypeTraining
from cryotools.anchors.network import NONE, ResidueTypeConfig
from cryotools.core.errors import UsageError
from cryotools.training.augment import CubeNoise
from cryotools.training.pairs import Pair

SMALL = TypeTraining(ResidueTypeConfig(width=4, embedding=16), maps=4, residues=8)
NO_TWIN = torch.full((6,), -1)


@pytest.fixture(scope="module")
def pair(trypsin: Path) -> Pair:
    return small_pair(trypsin)


@pytest.fixture(scope="module")
def twinned(pair: Pair) -> TwinnedExample:
    return next(twinned_residues(pair, 1))


@pytest.fixture(scope="module")
def domains(pair: Pair, twinned: TwinnedExample) -> Domains:
    plain = next(experimental_residues(pair, 1))
    return {EM: (0.5, [[twinned]]), SIM: (0.25, [[plain]]), XRAY: (0.25, [[plain]])}


def samples(count: int, shift: float = 0.0, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(seed)) + shift


def test_the_discrepancy_is_that_of_all_pairs_one_by_one() -> None:
    x, y = samples(4).double().numpy(), samples(3, 0.7, 1).double().numpy()
    every = np.concatenate([x, y])
    apart = [((a - b) ** 2).sum() for at, a in enumerate(every) for b in every[at + 1 :]]
    median = sorted(apart)[(len(apart) - 1) // 2]

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([np.exp(-((a - b) ** 2).sum() / (2 * s * median)) for s in (0.25, 0.5, 1, 2, 4)]))

    def mean(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.mean([kernel(a, b) for a in one for b in other]))

    found = float(gaussian_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert found == pytest.approx(mean(x, x) + mean(y, y) - 2 * mean(x, y), rel=1e-5)


def test_two_points_differ_as_their_kernel_says() -> None:
    found = float(gaussian_mmd(torch.zeros(1, 3), torch.tensor([[1.0, 2.0, 2.0]])))
    assert found == pytest.approx(2 - 2 * np.mean([np.exp(-1 / (2 * s)) for s in (0.25, 0.5, 1, 2, 4)]))


def test_the_discrepancy_is_0_for_equal_samples_and_grows_with_a_shift() -> None:
    x = samples(60)
    assert float(gaussian_mmd(x, x[torch.randperm(60)])) == pytest.approx(0, abs=1e-6)
    shifted = [float(gaussian_mmd(x, samples(50, shift, 1))) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert 0 <= shifted[0] < shifted[1] < shifted[2] < shifted[3]


def test_following_the_discrepancy_brings_samples_together() -> None:
    x, y = samples(30), samples(30, 2.0, 1)
    (gradient,) = torch.autograd.grad(gaussian_mmd(x, y.requires_grad_()), y)
    assert torch.isfinite(gradient).all()
    assert (gradient.mean(dim=0) > 0).all()
    y = y.detach()
    assert float(gaussian_mmd(x, y - 10 * gradient)) < float(gaussian_mmd(x, y))


def test_one_domain_alone_has_nothing_to_adapt_to() -> None:
    features = samples(6).requires_grad_()
    for domain in (EM, SIM):
        for name in ADAPTATIONS[1:]:
            adaptation = make_adaptation(name, 5)
            assert adaptation is not None
            loss = adaptation(features, torch.full((6,), DOMAINS.index(domain)), NO_TWIN, 5)
            assert float(loss.detach()) == 0
            loss.backward()
    assert features.grad is not None
    assert not features.grad.any()


def test_pairs_of_equal_features_cost_nothing_and_others_their_distance() -> None:
    features = torch.tensor([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0], [3.0, 0.0]])
    assert float(pair_distance(features, torch.tensor([2, -1, 0, -1]))) == 0
    assert float(pair_distance(features, torch.tensor([2, 3, -1, -1]))) == pytest.approx((0 + 9 / 2) / 2)
    assert float(pair_distance(features, NO_TWIN[:4])) == 0
    domain, twin = torch.tensor([0, 0, 1, 1]), torch.tensor([2, 3, 0, 1])
    plain, paired = (MeanDiscrepancy(0.25, of_pairs)(features, domain, twin, 0) for of_pairs in (0.0, 2.0))
    assert float(paired - plain) == pytest.approx(2 * 9 / 4)


def test_a_reversed_gradient_has_the_other_sign() -> None:
    x = samples(4).requires_grad_()
    (plain,) = torch.autograd.grad((x**3).sum(), x)
    y = reversed_gradient(x, 0.3)
    assert torch.equal(y, x)
    (turned,) = torch.autograd.grad((y**3).sum(), x)
    torch.testing.assert_close(turned, -0.3 * plain)


def test_an_adversary_learns_the_domain_and_its_gradient_hides_it() -> None:
    torch.manual_seed(0)
    adversary, domain = DomainAdversary(5, weight=1.0, ramp=1), torch.tensor([0] * 20 + [1] * 20 + [2] * 20)
    features = torch.cat([samples(20, 1.0), samples(40, -1.0, 1)]).requires_grad_()
    optimizer = torch.optim.Adam(adversary.network.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = adversary(features.detach(), domain, NO_TWIN, 5)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    loss = adversary(features, domain, NO_TWIN, 5)
    (gradient,) = torch.autograd.grad(loss, features)
    hidden = adversary(features.detach() - 3 * gradient, domain, NO_TWIN, 5)
    assert float(hidden.detach()) > float(loss.detach())
    (early,) = torch.autograd.grad(adversary(features, domain, NO_TWIN, 0), features)
    assert not early.any()  # at first it knows nothing


def test_unknown_adaptations_are_refused() -> None:
    assert make_adaptation("none", 8) is None
    with pytest.raises(UsageError, match="give none, mmd, paired or adversarial"):
        make_adaptation("magic", 8)


def test_a_twin_is_the_same_molecule_on_the_same_voxels(pair: Pair, twinned: TwinnedExample) -> None:
    plain = next(experimental_residues(pair, 1))
    for field in fields(ResidueExample):
        assert np.array_equal(getattr(twinned, field.name), getattr(plain, field.name))
    assert twinned.twin.shape == twinned.density.shape
    assert not np.array_equal(twinned.twin, twinned.density)
    assert np.corrcoef(twinned.twin.ravel().astype(float), twinned.density.ravel().astype(float))[0, 1] > 0.8


def test_cubes_of_a_twin_are_of_the_same_residues(twinned: TwinnedExample) -> None:
    alike = replace(twinned, twin=twinned.density)
    drawn = draw_cubes(alike, np.random.default_rng(0), 16, 0.4, CubeNoise(), twins=True)
    assert drawn is not None
    assert drawn.twins is not None
    seen = drawn.seen[drawn.types != NONE]
    assert np.allclose(drawn.twins / drawn.twins.max(), seen / seen.max(), atol=1e-5)  # levels alone differ


def test_batches_hold_pairs_of_domains(domains: Domains) -> None:
    task = TypeTask(domains, [], SMALL, adaptation=make_adaptation("paired", 16))
    seen, conditions, types, domain, twin = task.batch(np.random.default_rng(1), 0)
    assert len(seen) == len(conditions) == len(types) == len(domain) == len(twin)
    rows = torch.nonzero(twin >= 0)[:, 0]
    assert len(rows)
    assert torch.equal(twin[twin[rows]], rows)
    assert torch.equal(types[rows], types[twin[rows]])
    assert torch.equal(conditions[rows], conditions[twin[rows]])
    assert (types[rows] != NONE).all()
    assert set(map(tuple, torch.stack([domain[rows], domain[twin[rows]]], 1).tolist())) == {(0, 1), (1, 0)}
    assert len(TypeTask(domains, [], SMALL).batch(np.random.default_rng(1), 0)) == 4


@pytest.mark.learning
@pytest.mark.parametrize("name", ADAPTATIONS[1:])
def test_a_run_with_adaptation_resumes_bit_for_bit(name: str, domains: Domains, pair: Pair, tmp_path: Path) -> None:
    def make() -> TypeTask:
        return TypeTask(domains, [pair], SMALL, adaptation=make_adaptation(name, SMALL.network.embedding))

    whole, parts = states_of_runs(make, tmp_path)
    assert same_states(whole, parts)
    assert ("domain" in whole["networks"]) == (name == "adversarial")
    header, *_, last = (tmp_path / "whole/metrics.csv").read_text().splitlines()
    assert float(dict(zip(header.split(","), last.split(","), strict=True))["adaptation"]) > 0
