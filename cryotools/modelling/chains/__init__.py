"""From stretches of residues to chains on their sequences."""
