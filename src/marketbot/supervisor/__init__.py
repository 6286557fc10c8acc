"""Everything ``marketbot up`` keeps running: the database, the API, the engine, and for a simulation the exchange.

Nothing is imported here: each of those processes starts in ``tether``, and would hold the supervisor's modules in memory for nothing.
"""
