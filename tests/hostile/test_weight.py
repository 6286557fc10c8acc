"""Every page of the route table on its first visit: what it loads, compressed, and that no script holds up its drawing."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser

from tests.api.conftest import Answer

from .addresses import Address
from .siege import ANA, NOBODY, Siege

FIRST_LOAD_MAX_BYTES = 350_000
_IN_STYLES = re.compile(rb"url\(([^)]+)\)|@import")


class Loads(HTMLParser):
    """What a page has the browser fetch, and its scripts as they stand."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        self.scripts: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given)
        for name in ("src", "href") if tag in ("script", "link", "img", "source", "use") else ():
            value = given.get(name) or ""
            if value and not value.startswith(("#", "data:")):
                self.addresses.add(value.partition("#")[0])


def pages(addresses: list[Address]) -> list[Address]:
    return [each for each in addresses if each.page and not each.writes and not each.path.startswith("/static")]


async def test_no_page_is_heavy_or_waits_for_a_script(siege: Siege, addresses: list[Address]) -> None:
    numbers = await siege.numbers_of(ANA)
    weights: dict[str, int] = {}
    for address in pages(addresses):
        for who in (siege.sessions["ana"], siege.sessions["admin"], NOBODY):
            answer = await siege.ask(address, who, numbers)
            if answer.status != 200 or not answer.headers["content-type"].startswith("text/html"):
                continue
            text = answer.body.decode()
            loads = Loads(text)
            for script in loads.scripts:
                told = (str(address), script)
                assert script.get("src"), told
                assert "defer" in script or "async" in script or script.get("type") == "module", told
            weight = len(gzip.compress(text.encode()))
            for each in sorted(loads.addresses):
                assert each.startswith("/static/"), (str(address), each)
                file = await _file(siege, each)
                weight += len(file.body)
                assert "immutable" in file.headers["cache-control"], each
                plain = (await siege.api.send("GET", each)).body
                if each.endswith(".css"):
                    # What styles fetch besides would wait for them; there is nothing of the kind.
                    assert not [
                        found for found in _IN_STYLES.findall(plain) if found and not found.strip(b"'\"").startswith(b"data:")
                    ]
            weights[f"{address} {who.name}"] = weight
    assert len({each.partition(" ")[2].partition(" ")[0] for each in weights}) >= 12, weights
    assert max(weights.values()) < FIRST_LOAD_MAX_BYTES, weights
    assert min(weights.values()) > 10_000, "a page without its styles is measured for nothing"


async def _file(siege: Siege, path: str) -> Answer:
    found = await siege.api.send("GET", path, accept_encoding="gzip")
    assert found.status == 200, path
    return found
