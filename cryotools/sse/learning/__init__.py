"""Training the secondary-structure network: examples, degradation, simulated boxes, calibration."""
