"""Postgres: the truth about signals, intents, orders and positions, and the queue between workers."""
