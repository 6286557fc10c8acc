"""How long a fan-out takes under the venues' limits, by arithmetic alone."""
