"""Any other exchange, through CCXT. What is proven for which one: docs/venues/ccxt.md.

CCXT itself is imported only when a client is opened: it costs a second and 111 MB.
"""

from marketbot.venues.ccxt.client import CcxtClient

__all__ = ["CcxtClient"]
