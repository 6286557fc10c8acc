"""``marketbot demo``: the whole product against simulated exchanges, ending in an audit. SIMULATION, on every screen."""
