"""What processes share beside the database: limits, cached answers and live events. All of it can be lost at any moment."""
