"""Everything between maps on disk and a trained network.

`curate` makes a training set, `pairs` reads one, `cubes` cuts and turns its volumes, `loop` is the one training loop.
"""
