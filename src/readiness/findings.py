"""All that one run brought to light, for the score and for the plots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from readiness.capacity.question import Answer
from readiness.isolated.drills import Curve
from readiness.load.result import LoadResult
from readiness.measure.sampler import Course
from readiness.measurement import Measurements


@dataclass(slots=True)
class Findings:
    """``isolated`` runs are simulations. ``failures`` are the parts that could not be done, in words."""

    started_at: datetime
    isolated: bool
    users: int
    accounts: int
    measurements: Measurements = field(default_factory=Measurements)
    load: LoadResult | None = None
    curve: Curve | None = None
    course: Course = field(default_factory=Course)
    capacity: list[Answer] = field(default_factory=list)
    egresses: int = 1
    took_s: float = 0.0
    failures: list[str] = field(default_factory=list)
