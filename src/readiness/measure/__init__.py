"""What can be seen of a running system from outside: its database, its metrics, its processes, and how it answers."""
