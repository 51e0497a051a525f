"""Particle sets of known truth: states of molecules, and images of them with pose, CTF and noise."""
