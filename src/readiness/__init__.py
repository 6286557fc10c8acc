"""Load and report: drives a MarketBot from outside, like a stranger, and computes how ready it is.

It speaks HTTP and SQL and reads process tables; it shares no code with the product, so that a mistake of the product's own
bookkeeping cannot hide itself.
"""
