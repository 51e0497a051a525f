"""Examples, tasks and domain adaptation for training the networks of `anchors`."""
