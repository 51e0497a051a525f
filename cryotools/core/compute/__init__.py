"""Running networks: devices, precision, tiles and regions, the runner, checkpoints."""
