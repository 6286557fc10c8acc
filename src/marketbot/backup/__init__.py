"""Copies of the books, made while they are being written, proven by restoring them, and brought back without trading twice."""
