"""Scores of a finished reconstruction against the truth of a simulated set: its volumes and its latent space."""
