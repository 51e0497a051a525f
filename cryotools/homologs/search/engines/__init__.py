"""Programs and libraries that search sequences, behind one interface: each yields local alignments, query by query."""
