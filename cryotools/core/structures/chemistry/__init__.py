"""What an atom and a residue are: elements, kinds of residues, the tables behind them."""
