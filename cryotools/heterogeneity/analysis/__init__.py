"""What a finished reconstruction says: clusters, principal components, paths and landscapes of its latent space."""
