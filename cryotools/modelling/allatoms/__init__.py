"""All atoms of chains whose Cα atoms are known."""
