"""The page of bounds against the code, and structures that could grow without one."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
_ROW = re.compile(r"^\| `([a-z_.]+)` \| `([A-Z0-9_]+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_BOUND = re.compile(r"(^|_)MAX(_|$)")

NO_BOUNDS = {("store.embedded.configuration", "CGROUP_MEMORY_MAX"): "the name of a file"}
BOUNDED_BY = {
    ("marketbot/api/refusal_log.py", "_waiting"): ("api.refusal_log", "MAX_WAITING"),
    ("marketbot/store/wal_position.py", "_positions"): ("store.wal_position", "OWN_WRITES_MAX"),
    ("marketbot/venues/ccxt/exchange.py", "_clones"): ("venues.ccxt.exchange", "MAX_CLONES"),
    ("marketbot/venues/guard.py", "_suspects"): ("venues.guard", "MAX_SUSPECTS"),
    ("marketbot/venues/wire/call.py", "urgent"): ("venues.wire.wire", "MAX_WAITING"),
    ("marketbot/venues/wire/call.py", "normal"): ("venues.wire.wire", "MAX_WAITING"),
    ("marketbot/venues/wire/wire.py", "_idle"): ("venues.wire.wire", "MAX_CONNECTIONS"),
    ("marketbot/venues/egress_budget.py", "urgent_line"): ("venues.pace", "MAX_WAITING"),
    ("marketbot/venues/egress_budget.py", "line"): ("venues.pace", "MAX_WAITING"),
    ("marketbot/accounts/keyring.py", "_held"): ("accounts.keyring", "MAX_CREDENTIALS"),
    ("marketbot/cache/events.py", "_seen"): ("cache.events", "MAX_SEEN"),
    ("marketbot/cache/events.py", "_waiting"): ("cache.events", "MAX_QUEUED"),
    ("marketbot/domain/buckets.py", "_tats"): ("domain.buckets", "MAX_REMEMBERED"),
    ("marketbot/execution/loose.py", "_places"): ("execution.loose", "MAX_LOOSE"),
    ("marketbot/execution/closes.py", "_latest"): ("execution.closes", "MAX_REMEMBERED"),
    # Who waits for an account's turn has a slot of the dispatcher, or is one of reconciliation's few.
    ("marketbot/execution/locks.py", "waiting"): ("dispatch.slots", "ENTRIES_MAX"),
}
"""Structures that are made without a bound, and the constant that their owner keeps them below."""


def rows() -> list[tuple[str, str, str, str]]:
    return [match.group(1, 2, 3, 5) for match in _ROW.finditer((ROOT / "docs" / "BOUNDS.md").read_text())]


def shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def test_every_bound_on_the_page_has_the_value_that_it_says() -> None:
    wrong = []
    for module, constant, value, _ in rows():
        found = getattr(importlib.import_module(f"marketbot.{module}"), constant, None)
        if found is None or shown(found) != value:
            wrong.append(f"{module}.{constant}: {value} on the page, {found} in the code")
    assert wrong == []


def test_the_page_is_read_whole() -> None:
    table_lines = [line for line in (ROOT / "docs" / "BOUNDS.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows()) == len(table_lines) == len({(module, constant) for module, constant, _, _ in rows()})
    assert len(table_lines) > 100


def test_the_metrics_on_the_page_exist() -> None:
    from marketbot.observability import live_metrics, shared_metrics  # noqa: F401 - they register their own
    from marketbot.observability.metrics import REGISTRY

    known = {name for family in REGISTRY.collect() for name in (family.name, f"{family.name}_total")}
    named = {metric.strip("`") for _, _, _, metric in rows() if metric != "–"}
    assert named
    assert named - known == set()


def named_bounds() -> Iterator[tuple[str, str]]:
    """Yield every constant of the product's modules whose name says that it is a bound."""
    for file in sorted((SRC / "marketbot").rglob("*.py")):
        module = ".".join(file.relative_to(SRC / "marketbot").with_suffix("").parts)
        for node in ast.parse(file.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            for target in targets:
                name = target.id if isinstance(target, ast.Name) else "_"
                if name.isupper() and not name.startswith("_") and _BOUND.search(name):
                    yield module, name


def test_every_constant_that_is_called_a_bound_is_on_the_page() -> None:
    told = {(module, constant) for module, constant, _, _ in rows()}
    assert sorted(set(named_bounds()) - told - NO_BOUNDS.keys()) == [], "put them into docs/BOUNDS.md"


def unbounded_structures(source: str) -> Iterator[str]:
    """Yield what a module calls each queue, deque, ordered mapping or function cache that it makes without a bound."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if _is_unbounded_cache(decorator):
                    yield node.name
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call) and _is_unbounded(value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield next(_name(target) for target in reversed(targets) if isinstance(target, ast.Name | ast.Attribute))
        elif isinstance(node, ast.keyword) and node.arg == "default_factory" and _name(node.value) in _MAKERS:
            yield f"default_factory at line {node.value.lineno}"


_MAKERS = {"Queue": "maxsize", "LifoQueue": "maxsize", "PriorityQueue": "maxsize", "deque": "maxlen", "OrderedDict": ""}


def _is_unbounded(call: ast.Call) -> bool:
    maker = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    name = _name(maker)
    if name not in _MAKERS:
        return False
    place = 1 if name == "deque" else 0
    return name == "OrderedDict" or not (len(call.args) > place or any(each.arg == _MAKERS[name] for each in call.keywords))


def _is_unbounded_cache(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        size = next(
            (each.value for each in decorator.keywords if each.arg == "maxsize"), decorator.args[0] if decorator.args else None
        )
        return _name(decorator.func) == "lru_cache" and isinstance(size, ast.Constant) and size.value is None
    return _name(decorator) == "cache"


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_nothing_grows_without_a_bound() -> None:
    found = {
        (str(file.relative_to(SRC)), name)
        for file in sorted(SRC.rglob("*.py"))
        for name in unbounded_structures(file.read_text())
    }
    assert found - BOUNDED_BY.keys() == set(), "give it a bound, or name the constant that bounds it"
    assert BOUNDED_BY.keys() - found == set(), "it is gone: take it out of the list"
    told = {(module, constant) for module, constant, _, _ in rows()}
    assert set(BOUNDED_BY.values()) - told == set()


def test_a_structure_without_a_bound_is_noticed() -> None:
    for source in (
        "x = asyncio.Queue()",
        "self.x: deque[int] = deque()",
        "x = deque[int]()",
        "x = held[1] = collections.deque(rows)",
        "x = OrderedDict()",
        "@functools.cache\ndef x(): ...",
        "@lru_cache(maxsize=None)\ndef x(): ...",
        "class A:\n    x: deque[int] = field(default_factory=deque)",
    ):
        assert list(unbounded_structures(source)), source
    for source in (
        "x = asyncio.Queue(MAX)",
        "x = deque(maxlen=3)",
        "x = deque((), 3)",
        "@lru_cache(maxsize=4)\ndef x(): ...",
        "x = dict()",
    ):
        assert not list(unbounded_structures(source)), source
