"""Networks made ready for use: what training needs and inference does not is multiplied out."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network for inference, with every BatchNorm that follows a convolution multiplied into its weights.

    The results are the same but for rounding (1e-6 of the largest), a pass over the features per layer is saved.
    """
    network = copy.deepcopy(network).eval()
    for layers in network.modules():
        if isinstance(layers, nn.Sequential):
            for at in range(len(layers) - 1):
                convolution, normalisation = layers[at], layers[at + 1]
                if isinstance(convolution, nn.Conv3d) and isinstance(normalisation, nn.BatchNorm3d):
                    layers[at] = fuse_conv_bn_eval(convolution, normalisation)
                    layers[at + 1] = nn.Identity()
    return network
