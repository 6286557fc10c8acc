"""Show the engine as Bybit v5 linear perpetuals."""
