"""Telling users and operators by webhook what they should not have to look for: addresses, signatures, delivery."""
