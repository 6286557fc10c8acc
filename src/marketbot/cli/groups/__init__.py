"""Commands that come in groups: `marketbot users add`, `marketbot backup verify`. A module a noun names its commands and their options.

What a command does stands in its own module of ``cli``, imported only when it is run.
"""

from __future__ import annotations

from marketbot.cli import oversight
from marketbot.cli.groups import accounts, backups, jobs, keys, notices, people, policy, signals, sources, tokens, users

GROUPS = {
    "signal": signals.group,
    "accounts": accounts.group,
    "source": sources.group,
    "users": users.group,
    "people": people.group,
    "keys": keys.group,
    "tokens": tokens.group,
    "backup": backups.group,
    "jobs": jobs.group,
    "notices": notices.group,
    "policy": policy.group,
    "trail": oversight.trail,
    "controls": oversight.controls,
}
