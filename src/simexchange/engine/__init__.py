"""Hold the venue-neutral exchange: accounts, orders, positions, prices, and the record of what happened."""
