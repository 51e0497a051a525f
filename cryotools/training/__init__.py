"""Everything between maps on disk and a trained network.

`pairs` reads a training set, `store` keeps its examples, `loader` makes batches, `loop` is the one training loop.
"""
