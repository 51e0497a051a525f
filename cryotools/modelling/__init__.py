"""Atomic models in maps: what good ones look like, and how good one is."""
