"""Whether somebody watches: a Prometheus that has our alert rules loaded and reaches at least one of our processes.

Its HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/ (rules, targets).
"""

from __future__ import annotations

from typing import Any

import orjson

from readiness.load.target import Target
from readiness.measure.front import ask
from readiness.measurement import Measurement, measured, unmeasured

NAME = "alerts_watch"
METRIC_PREFIX = "marketbot_"
OK = 200


async def alerts(prometheus: Target | None, programs: int) -> Measurement:
    """``programs`` is how many processes of ours there are to be watched."""
    if prometheus is None:
        return unmeasured(NAME, "no_prometheus")
    rules, targets = await _read(prometheus, "/api/v1/rules?type=alert"), await _read(prometheus, "/api/v1/targets?state=active")
    if rules is None or targets is None:
        return unmeasured(NAME, "prometheus_silent")
    loaded = sum(METRIC_PREFIX in rule.get("query", "") for group in rules["groups"] for rule in group["rules"])
    reached = sum(each["health"] == "up" and "marketbot" in each["labels"].get("job", "") for each in targets["activeTargets"])
    return measured(
        NAME, loaded > 0 and reached >= programs, "yes", "prometheus", rules=loaded, reached=reached, programs=programs
    )


async def _read(prometheus: Target, path: str) -> dict[str, Any] | None:
    reply = await ask(prometheus, "GET", path)
    if reply is None or reply.status != OK:
        return None
    try:
        found: dict[str, Any] = orjson.loads(reply.body)["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return found
