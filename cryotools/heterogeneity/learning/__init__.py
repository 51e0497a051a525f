"""Data and the task for training reconstructions of `heterogeneity`."""
