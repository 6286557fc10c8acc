"""Service: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marketbot_client.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """``degraded`` names what is away that the service does without."""

    status: str
    degraded: tuple[str, ...] | None = None


def show_live() -> Call[Health]:
    """Whether the process answers."""
    return Call("GET", "/health/live", {200: Health})


def show_ready() -> Call[Health]:
    """Whether signals can be taken."""
    return Call("GET", "/health/ready", {200: Health, 503: Health})


def show_metrics() -> Call[str]:
    """Metrics for Prometheus.

    Scope: ``operator:read``.
    """
    return Call("GET", "/metrics", {200: str})


def show_document() -> Call[dict[str, Any]]:
    """This document."""
    return Call("GET", "/v1/openapi.json", {200: dict[str, Any]})
