"""How alike two maps are, and later how right labels and positions are: scores as the field defines them."""
