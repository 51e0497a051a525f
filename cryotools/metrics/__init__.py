"""Standard scores: the similarity of two maps, the accuracy of class predictions.

`correlation` and `fsc` are formulas on arrays, `compare` puts two maps on one grid and scores them, `report` writes the
results; `classification` scores classes and their confidence, `bootstrap` gives confidence intervals over maps.
"""
