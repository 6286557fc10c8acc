"""Show the engine as Binance USD-M futures."""
