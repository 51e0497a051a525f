"""Known structures whose sequences are similar to a query's: search, results and conservation."""
