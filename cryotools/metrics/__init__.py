"""Scores as the field defines them: how alike two maps are, how right classes are.

`correlation` and `fsc` are formulas on arrays, `compare` puts two maps on one grid and scores them, `report` writes the
result down; `classification` scores classes and their confidence, `bootstrap` says how far a mean over maps is known.
"""
