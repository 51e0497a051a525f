"""Training the network of binding sites: simulated boxes of complexes and of chains without their partners."""
