"""Speak HTTP/1.1, TLS and WebSocket to clients."""
