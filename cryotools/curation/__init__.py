"""Build a training set from archives: lists of pairs, downloads, curation, report."""
