"""From class maps to helices, strands and sheets as pseudo-atoms, without a model."""
