"""From archives to a training set: lists of pairs, downloads, judgement, report."""
