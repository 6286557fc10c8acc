"""Let a test or an operator steer the simulation."""
