"""Real-space refinement of atomic models by gradients."""
