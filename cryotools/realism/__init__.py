"""eval-disc: how much of a map an independent network judges to be experimental.

`inputs` brings every map into a common form, `network` judges it voxel by voxel, `fakes` and `train` train the network,
`predict` applies it.
"""
