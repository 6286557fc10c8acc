"""Everything ``marketbot up`` keeps running: the database, the API, the engine, and for a simulation the exchange."""

from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.supervisor import Supervisor

__all__ = ["Supervisor", "SupervisorError"]
