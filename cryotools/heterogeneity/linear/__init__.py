"""A linear subspace of volumes: the mean plus a few components, by probabilistic principal component analysis."""
