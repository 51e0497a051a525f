"""Domain adaptation: features of the type network that do not tell where density comes from.

Source domains are simulated boxes and crystal density, the target domain is experimental maps. All adapt the layer
`ResidueType.embed` by a loss that is added to the cross-entropy; a batch without one of the two adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.anchors.learning.domains import DOMAINS, EM
from cryotools.core.errors import check_choice

NOTHING, MMD, PAIRED, ADVERSARIAL = "none", "mmd", "paired", "adversarial"
ADAPTATIONS = (NOTHING, MMD, PAIRED, ADVERSARIAL)
_BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # × the median squared distance
_TARGET = DOMAINS.index(EM)


class Adaptation(Protocol):
    """A loss, times its weight, that brings the features of domains together.

    `network` is trained with the type network on the same loss; None if there is nothing to train.
    """

    @property
    def network(self) -> nn.Module | None: ...

    def __call__(self, features: Tensor, domain: Tensor, twin: Tensor, step: int) -> Tensor:
        """The loss of features (b, k), float32, of domains (b,), indices in DOMAINS; `twin` (b,) is the row of the same
        residue in the other domain, -1 if there is none.
        """


@dataclass(frozen=True)
class MeanDiscrepancy:
    """Deep Domain Confusion (E. Tzeng et al., arXiv 1412.3474, whose weight is 0.25): `gaussian_mmd` between source and
    target, and, weighted by `of_pairs`, `pair_distance`.

    With pairs, this is the way of DLAF (section 5.1.2): what is the same residue in both domains has the same features.
    """

    weight: float = 0.25
    of_pairs: float = 0.0
    network: None = None

    def __call__(self, features: Tensor, domain: Tensor, twin: Tensor, step: int) -> Tensor:
        target = domain == _TARGET
        loss = self.weight * gaussian_mmd(features[~target], features[target])
        return loss + self.of_pairs * pair_distance(features, twin) if self.of_pairs else loss


class DomainAdversary:
    """Domain-adversarial training (Y. Ganin et al., JMLR 17, 59, 2016): a small network learns to tell target from
    source features, while the reversed gradient of its loss teaches the type network to make that impossible.

    The reversed gradient is multiplied by `weight` (2 / (1 + exp(-10 p)) - 1), where p rises from 0 to 1 over `ramp`
    steps, since the small network knows nothing at first. Source and target have equal weight.
    """

    def __init__(self, features: int, weight: float = 0.1, ramp: int = 2000) -> None:
        self.weight, self.ramp = weight, ramp
        self.network = nn.Sequential(nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, 1))

    def __call__(self, features: Tensor, domain: Tensor, twin: Tensor, step: int) -> Tensor:
        target = domain == _TARGET
        if bool(target.all()) or not bool(target.any()):
            return features.sum() * 0 + sum(each.sum() * 0 for each in self.network.parameters())
        grown = 2 / (1 + math.exp(-10 * min(step / self.ramp, 1))) - 1
        logits = self.network(reversed_gradient(features, self.weight * grown))[:, 0].float()
        each = functional.binary_cross_entropy_with_logits(logits, target.float(), reduction="none")
        return (each[target].mean() + each[~target].mean()) / 2


def make_adaptation(name: str, features: int) -> Adaptation | None:
    """The adaptation of this name, one of ADAPTATIONS, for features (b, `features`); None for none.

    Raises
    ------
    UsageError
        There is no adaptation of this name.
    """
    check_choice("adapt", name, ADAPTATIONS)
    if name == ADVERSARIAL:
        return DomainAdversary(features)
    if name == NOTHING:
        return None
    return MeanDiscrepancy(of_pairs=0.25 if name == PAIRED else 0.0)


def gaussian_mmd(source: Tensor, target: Tensor) -> Tensor:
    """The squared maximum mean discrepancy of two samples (m, k) and (n, k); 0 if either is empty.

    The biased estimate, which is never negative and 0 for equal samples (A. Gretton et al., JMLR 13, 723, 2012, eq. 5):

        mean k(x, x') + mean k(y, y') - 2 mean k(x, y), over all pairs, those of an x with itself included.

    k is the mean of five Gaussians, exp(-|x - y|² / (2 s²)), where s² is 1/4, 1/2, 1, 2 and 4 times the median of the
    squared distances between all points of both samples (several kernels: M. Long et al., ICML 2015), taken as a
    constant.
    """
    if not len(source) or not len(target):
        return (source.sum() + target.sum()) * 0
    every = torch.cat([source, target]).float()
    exactly = "donot_use_mm_for_euclid_dist"  # a product would lose small distances to rounding
    apart = torch.cdist(every, every, compute_mode=exactly).square()
    median = apart.detach()[torch.triu(torch.ones_like(apart), 1) > 0].median().clamp(min=1e-12)
    kernel = torch.stack([torch.exp(-apart / (2 * median * times)) for times in _BANDWIDTHS]).mean(dim=0)
    of_source = torch.arange(len(every), device=every.device) < len(source)
    within, others = kernel[of_source], kernel[~of_source]
    return within[:, of_source].mean() + others[:, ~of_source].mean() - 2 * within[:, ~of_source].mean()


def pair_distance(features: Tensor, twin: Tensor) -> Tensor:
    """The mean over pairs of the squared distance of their features (b, k), per feature; 0 without pairs. `twin` (b,)
    is, in one row of each pair at least, the other row, elsewhere -1.
    """
    rows = torch.nonzero(twin >= 0)[:, 0]
    if not len(rows):
        return features.sum() * 0
    return (features[rows] - features[twin[rows]]).square().mean()


def reversed_gradient(x: Tensor, times: float) -> Tensor:
    """`x` itself, whose gradient is multiplied by -`times`."""
    return _Reversed.apply(x, times)


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, times: float) -> Tensor:
        ctx.times = times
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.times * gradients[0], None
