"""Residues in maps: Cα atoms, chain paths and their direction, and amino acids with calibrated confidence.

Two networks do the work (`anchors.network`): one finds where the chain runs, the other names the amino acid at each
residue, seen in the residue's own frame. `anchors.predict` joins them; `anchors.learning` trains them.
"""
