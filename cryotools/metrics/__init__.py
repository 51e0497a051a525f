"""Scores as the field defines them: how alike two maps are.

`correlation` and `fsc` are formulas on arrays, `compare` puts two maps on one grid and scores them, `report` writes the
result down.
"""
