"""How one table's personal data is told to its owner, and the statement that reads a page of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Owner(StrEnum):
    """What a table's rows are found by. Rows of an account are read account by account, along their index."""

    PERSON = "person"
    USER = "user"
    ACCOUNT = "account"


class Fate(StrEnum):
    """What an erasure does with rows."""

    GOES = "goes"
    PSEUDONYM = "pseudonym"
    """The row stays under its number; what tells who it was is blanked."""
    STAYS = "stays"
    """Books, by number alone."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows that belong to one row of a part, told inside it. Decimals are cast to texts: a JSON number would become a float."""

    name: str
    table: str
    columns: tuple[str, ...]
    where: str
    order: str
    withheld: Mapping[str, str] = field(default_factory=dict)
    fate: Fate = Fate.STAYS

    @property
    def sql(self) -> str:
        pairs = ", ".join(f"'{column.partition('::')[0]}', n.{column}" for column in self.columns)
        return (
            f"(SELECT coalesce(jsonb_agg(jsonb_build_object({pairs}) ORDER BY {self.order}), '[]')"
            f" FROM {self.table} n WHERE {self.where}) AS {self.name}"
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One table as its owner is given it. ``key`` orders the pages; ``start`` lies before every key."""

    table: str
    owner: Owner
    columns: tuple[str, ...]
    key: tuple[str, ...]
    start: tuple[Any, ...]
    fate: Fate
    scope: str = ""
    withheld: Mapping[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    nested: tuple[Nested, ...] = ()
    opened: Mapping[str, str] = field(default_factory=dict)
    """Sealed columns that their owner is shown, by the name they are shown under."""

    @property
    def sql(self) -> str:
        """The statement of a page: the owner's arguments, the last key, how many rows."""
        scope = (
            self.scope
            or {
                Owner.PERSON: "t.person_id = $1",
                Owner.USER: "t.user_id = $1",
                Owner.ACCOUNT: "t.account_id = $1 AND t.user_id = $2",
            }[self.owner]
        )
        first = 3 if self.owner is Owner.ACCOUNT else 2
        last = [f"${first + place}" for place in range(len(self.key))]
        told = [f"t.{column}" for column in (*self.columns, *self.opened)] + list(self.more) + [each.sql for each in self.nested]
        keys = [f"{key} AS key_{place}" for place, key in enumerate(self.key)]
        return (
            f"SELECT {', '.join(told + keys)} FROM {self.table} t WHERE ({scope}) AND ({', '.join(self.key)}) > ({', '.join(last)})"
            f" ORDER BY {', '.join(self.key)} LIMIT ${first + len(self.key)}"
        )
