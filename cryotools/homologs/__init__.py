"""From a protein's sequence to structures of its homologs, and from these to networks fitted to one map."""
