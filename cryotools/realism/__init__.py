"""eval-disc: how much of a map an independent network takes for experimental.

`inputs` brings every map into one form, `network` judges voxel by voxel, `fakes` and `train` teach it, `predict` asks
it.
"""
