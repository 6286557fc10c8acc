"""Every operation of the API by its method and path: what each file of operations says."""

from __future__ import annotations

from collections.abc import Mapping

from marketbot.api.contract.chart_operations import CHARTS
from marketbot.api.contract.operation import Operation
from marketbot.api.contract.operator_operations import OPERATOR
from marketbot.api.contract.people_operations import PEOPLE
from marketbot.api.contract.privacy_operations import PRIVACY
from marketbot.api.contract.service_operations import SERVICE
from marketbot.api.contract.user_operations import USER

OPERATIONS: Mapping[str, Operation] = {**SERVICE, **USER, **PEOPLE, **PRIVACY, **CHARTS, **OPERATOR}
