"""Runs of cryoDRGN as runs of `heterogeneity`: from its configuration, weights and latent variables to its volumes."""
