"""Hold an exchange's own record against our database: every account accounted for, to the last order."""

from marketbot.audit.compare import audit
from marketbot.audit.report import Audit

__all__ = ["Audit", "audit"]
