"""Where a protein binds others: interfaces with proteins, ligand sites and contacts with nucleic acids, from a map."""
