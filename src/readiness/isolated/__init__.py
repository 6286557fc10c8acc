"""A throw-away installation against simulated venues: put up, loaded, hurt, audited, taken down. SIMULATION throughout."""
