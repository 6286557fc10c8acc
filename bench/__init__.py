"""Speed and size, measured: ``python -m bench`` (or ``make bench``) prints the table. Simulated venues on loopback, TLS on."""
