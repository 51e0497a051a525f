"""Rigid docking of structures into a map, and labels of the docked structures as labels of the map."""
