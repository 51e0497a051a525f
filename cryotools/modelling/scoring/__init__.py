"""How good a model is: against another one, against a map, and by itself."""
