"""Fitting a network to one map: its conditions, maps of homologs simulated under them, fine-tuning."""
