"""Heterogeneous reconstruction: from particle images to an ensemble of maps.

A particle's image is the projection of its own volume. `heterogeneity.network` describes every volume by a few latent
numbers; `heterogeneity.learning` trains it, `heterogeneity.predict` makes maps from it.
"""
