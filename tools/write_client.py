"""Write the client's modules, one a chapter of the API's document: the types of its answers, and a function for every operation.

``make client`` runs it after a change of the API; a test holds the files against it.
"""

from __future__ import annotations

import keyword
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litestar import Litestar

from marketbot.api.app import create_app
from marketbot.api.contract.document import make_document
from marketbot.api.contract.operation import Tag
from marketbot.api.database import Database
from marketbot.settings import Settings
from marketbot.store.pool import Pool

PLACE = Path(__file__).parents[1] / "src" / "marketbot_client"
MODULES = {
    Tag.SIGNALS_IN: "signals_in",
    Tag.ME: "me",
    Tag.ACCOUNTS: "accounts",
    Tag.TRADES: "trades",
    Tag.CLOSING: "closing",
    Tag.EVENTS: "events",
    Tag.TOKENS: "tokens",
    Tag.NOTICES: "notices",
    Tag.CHANNELS: "channels",
    Tag.SESSIONS: "sessions",
    Tag.NEWCOMERS: "newcomers",
    Tag.PRIVACY: "privacy",
    Tag.DESK: "desk",
    Tag.CONTROLS: "controls",
    Tag.POLICY: "policy",
    Tag.USERS: "users",
    Tag.AUDIT: "audit",
    Tag.SERVICE: "service",
}
SECRETS = frozenset(
    {
        "api_key", "api_secret", "passphrase", "password", "present", "token", "secret", "code", "send", "link",
        "csrf_token", "recovery_codes", "otpauth_url", "qr_svg", "url", "body",
    }
)  # fmt: skip
"""Fields that no repr shows."""
WORDS_IN_PLACE_MAX = 5
"""More of them get a name."""
FOLLOWING = ("next", "next_after")
"""Fields of a page that say where the list goes on."""
_FORMATS = {"decimal": ("decimal", "Decimal"), "date-time": ("datetime", "datetime"), "date": ("datetime", "date")}
"""Types of texts that are no plain texts, by their format: where each comes from."""


@dataclass
class Module:
    """One file as it grows."""

    name: str
    types: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    imports: dict[str, set[str]] = field(default_factory=dict)

    def need(self, module: str, name: str) -> None:
        if module != f"marketbot_client.{self.name}":
            self.imports.setdefault(module, set()).add(name)


class Writer:
    """Turns a document into modules."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._homes: dict[str, str] = {}
        self.modules = {tag.value: Module(name) for tag, name in MODULES.items()}

    def write(self) -> dict[str, str]:
        """Return the files' texts by their names, not yet formatted."""
        operations = sorted(self._operations(), key=lambda each: [tag.value for tag in Tag].index(each[2]["tags"][0]))
        for method, path, operation in operations:
            self._call(self.modules[operation["tags"][0]], method, path, operation)
        return {f"{module.name}.py": self._text(tag, module) for tag, module in self.modules.items()}

    def _operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def _text(self, tag: str, module: Module) -> str:
        lines = [
            f'"""{tag}: what may be asked for, and what is answered. Written by `make client` from the API\'s document."""',
            "",
        ]
        lines += ["from __future__ import annotations", ""]
        for name, wanted in sorted(module.imports.items()):
            lines.append(f"from {name} import {', '.join(sorted(wanted))}")
        return "\n".join(lines + module.types + module.calls) + "\n"

    # Types of answers.

    def _kind(self, schema: dict[str, Any], module: Module) -> str:
        """Return what an answer's schema is in Python. Words that may become more are plain texts."""
        if not schema or schema == {"type": "object"}:
            module.need("typing", "Any")
            return "Any" if not schema else "dict[str, Any]"
        if "$ref" in schema:
            return self._type(schema["$ref"].rpartition("/")[2], module)
        if "anyOf" in schema:
            return " | ".join(dict.fromkeys(self._kind(part, module) for part in schema["anyOf"]))
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return " | ".join(dict.fromkeys(self._plain(kind, schema, module) for kind in kinds))

    def _plain(self, kind: str, schema: dict[str, Any], module: Module) -> str:
        if kind == "string":
            named = _FORMATS.get(schema.get("format", ""))
            if named is None:
                return "str"
            module.need(*named)
            return named[1]
        if kind == "array":
            return f"tuple[{self._kind(schema['items'], module)}, ...]"
        if kind == "object":
            return f"dict[str, {self._kind(schema.get('additionalProperties', {}), module)}]"
        return {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}[kind]

    def _type(self, name: str, module: Module) -> str:
        if name in self._homes:
            module.need(f"marketbot_client.{self._homes[name]}", name)
            return name
        self._homes[name] = module.name
        schema = self._schemas[name]
        module.need("dataclasses", "dataclass")
        lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
        lines.append(f'    """{_sentence(schema.get("description", _words(name)))}"""')
        lines.append("")
        for each, part in schema["properties"].items():
            lines += self._field(each, part, each in schema["required"], module)
        # What it refers to stands before it by now.
        module.types += ["", "", *lines]
        module.names.append(name)
        return name

    def _field(self, name: str, schema: dict[str, Any], required: bool, module: Module) -> list[str]:
        kind = self._kind(schema, module)
        hidden = name in SECRETS and "str" in kind and "status" not in name
        if not required and "None" not in kind:
            kind += " | None"
        default = "" if required else " = None"
        if hidden:
            module.need("dataclasses", "field")
            default = " = field(repr=False)" if required else " = field(default=None, repr=False)"
        told = schema.get("description")
        return [f"    {name}: {kind}{default}", *([f'    """{_sentence(told)}"""'] if told else [])]

    # Functions.

    def _call(self, module: Module, method: str, path: str, operation: dict[str, Any]) -> None:
        answers = self._answers(operation, module)
        name = operation["operationId"]
        if "text/event-stream" in _media(operation):
            module.need("marketbot_client.call", "StreamCall")
            told = _sentence(operation["summary"])
            module.calls += ["", "", f"def {name}() -> StreamCall:", f'    """{told}. Read it with ``follow``."""']
            module.calls.append(f'    return StreamCall("{path}")')
            return
        if not answers:
            answers = {"200": "bytes" if "application/zip" in _media(operation) else "str"}
        self._function(module, name, method, path, operation, answers, {})
        if "text/markdown" in _media(operation):
            self._function(module, f"{name}_markdown", method, path, operation, {"200": "str"}, {"format": "markdown"})

    def _answers(self, operation: dict[str, Any], module: Module) -> dict[str, str]:
        found = {}
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content is not None:
                found[status] = self._kind(content["schema"], module)
        return found

    def _function(
        self,
        module: Module,
        name: str,
        method: str,
        path: str,
        operation: dict[str, Any],
        answers: dict[str, str],
        fixed: dict[str, str],
    ) -> None:
        of_two_media = "text/markdown" in _media(operation)
        parameters = [each for each in operation.get("parameters", []) if not (of_two_media and each["name"] == "format")]
        by_place = {place: [each for each in parameters if each["in"] == place] for place in ("path", "query", "header")}
        headers = [each for each in by_place["header"] if each["name"] not in ("Idempotency-Key", "If-None-Match")]
        keyed = len(headers) < len(by_place["header"]) and method != "GET"
        body = self._body(operation, module)
        arguments = [f"{each['name']}: {self._argument(each['schema'], module, each['name'])}" for each in by_place["path"]]
        if isinstance(body, str):
            arguments.append("body: str")
        named = [f"{_snake(each['name'])}: str | Unset = UNSET" for each in headers]
        fields = body if isinstance(body, list) else []
        named += [f"{each}: {kind}" for each, kind, required in fields if required]
        named += [f"{each}: {kind} | Unset = UNSET" for each, kind, required in fields if not required]
        named += [
            f"{each['name']}: {self._argument(each['schema'], module, each['name'])} | Unset = UNSET"
            for each in by_place["query"]
        ]
        if keyed:
            named.append("idempotency_key: str | None = None")
        if any("Unset" in each for each in named):
            module.need("marketbot_client.call", "UNSET")
            module.need("marketbot_client.call", "Unset")
        kind = " | ".join(dict.fromkeys(answers.values()))
        rows = self._rows(operation)
        made, returned = "Call", f"Call[{kind}]"
        if rows is not None:
            row = self._kind(self._page(operation)["properties"][rows[0]]["items"], module)
            made, returned = "PagedCall", f"PagedCall[{kind}, {row}]"
        module.need("marketbot_client.call", made)
        signature = ", ".join([*arguments, *(["*", *named] if named else [])])
        values = [f'"{method}"', f'"{path}"', "{" + ", ".join(f"{status}: {each}" for status, each in answers.items()) + "}"]
        if by_place["path"]:
            values.append("places={" + ", ".join(f'"{each["name"]}": {each["name"]}' for each in by_place["path"]) + "}")
        if by_place["query"] or fixed:
            values.append(f"query={self._given(module, [each['name'] for each in by_place['query']], fixed)}")
        if headers:
            pairs = ", ".join(f'"{each["name"]}": {_snake(each["name"])}' for each in headers)
            module.need("marketbot_client.call", "given")
            values.append(f"headers=given(**{{{pairs}}})")
        if isinstance(body, str):
            values.append("body=body")
        elif body is not None:
            values.append(f"body={self._given(module, [each for each, _, _ in body], {})}")
        if keyed:
            module.need("marketbot_client.call", "new_key")
            values.append("key=idempotency_key or new_key()")
        if rows is not None:
            values += [f'rows="{rows[0]}"', f'following="{rows[1]}"']
        module.calls += ["", "", f"def {name}({signature}) -> {returned}:", *_docstring(operation)]
        module.calls.append(f"    return {made}({', '.join(values)})")

    def _given(self, module: Module, names: list[str], fixed: dict[str, str]) -> str:
        module.need("marketbot_client.call", "given")
        pairs = [f"{name}={name}" for name in names] + [f'{name}="{value}"' for name, value in fixed.items()]
        return f"given({', '.join(pairs)})"

    def _body(self, operation: dict[str, Any], module: Module) -> str | list[tuple[str, str, bool]] | None:
        """Return ``str`` for a text, the fields of an object, or none."""
        content = operation.get("requestBody", {}).get("content", {})
        if "text/plain" in content:
            return "str"
        if not content:
            return None
        schema = self._schemas[content["application/json"]["schema"]["$ref"].rpartition("/")[2]]
        required = schema["required"]
        return [(name, self._argument(part, module, name), name in required) for name, part in schema["properties"].items()]

    def _argument(self, schema: dict[str, Any], module: Module, name: str = "") -> str:
        """Return what may be given for a schema: its words, and whatever is a number."""
        if "anyOf" in schema:
            return " | ".join(dict.fromkeys(self._argument(part, module, name) for part in schema["anyOf"]))
        if schema.get("enum") == ["true", "false"]:
            return "bool"
        if "enum" in schema:
            module.need("typing", "Literal")
            words = f"Literal[{', '.join(repr(word) for word in schema['enum'])}]".replace("'", '"')
            return words if len(schema["enum"]) <= WORDS_IN_PLACE_MAX else self._alias(name, words, module)
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if "number" in kinds:
            module.need("decimal", "Decimal")
            return "Decimal | int" + (" | None" if "null" in kinds else "")
        if "array" in kinds:
            module.need("collections.abc", "Sequence")
            kind = f"Sequence[{self._argument(schema['items'], module, name.removesuffix('s'))}]"
            return kind + (" | None" if "null" in kinds else "")
        if "object" in kinds:
            module.need("collections.abc", "Mapping")
            module.need("decimal", "Decimal")
            return "Mapping[str, Decimal | int]"
        return " | ".join(dict.fromkeys(self._plain(kind, schema, module) for kind in kinds))

    def _alias(self, name: str, words: str, module: Module) -> str:
        alias = "".join(part.capitalize() for part in name.split("_"))
        line = f"{alias} = {words}"
        if line not in module.types:
            module.types += ["", "", line]
        return alias

    def _page(self, operation: dict[str, Any]) -> dict[str, Any]:
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        found: dict[str, Any] = self._schemas[schema["$ref"].rpartition("/")[2]]
        return found

    def _rows(self, operation: dict[str, Any]) -> tuple[str, str] | None:
        """Return the fields of a page that hold its rows and where it goes on; none for what is no list."""
        if not any(each["name"] == "limit" for each in operation.get("parameters", [])):
            return None
        page = self._page(operation)
        following = next(name for name in FOLLOWING if name in page["properties"])
        lists = [name for name, part in page["properties"].items() if part.get("type") == "array"]
        return lists[-1], following


def _media(operation: dict[str, Any]) -> set[str]:
    return {media for answer in operation["responses"].values() for media in answer.get("content", {})}


def _docstring(operation: dict[str, Any]) -> list[str]:
    scope, summary = operation.get("x-scope"), _sentence(operation["summary"])
    return [f'    """{summary}.', "", f"    Scope: ``{scope}``.", '    """'] if scope else [f'    """{summary}."""']


def _snake(header: str) -> str:
    name = header.lower().replace("-", "_").removeprefix("x_marketbot_")
    return f"{name}_" if keyword.iskeyword(name) else name


def _words(name: str) -> str:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return f"{spaced[0].upper()}{spaced[1:]}."


def _sentence(text: str) -> str:
    return text.replace("`", "``").replace("\\", "\\\\")


async def _no_pool() -> Pool:
    raise AssertionError("nothing here asks a database")


def _application(place: str) -> Litestar:
    return create_app(Database(open_pool=_no_pool), Settings(data_dir=Path(place), operator_token="of-nobody"))  # noqa: S106


def written() -> dict[str, str]:
    """Return every file's text by its name, formatted."""
    with tempfile.TemporaryDirectory() as place:
        files = Writer(make_document(_application(place))).write()
        for name, text in files.items():
            (Path(place) / name).write_text(text)
        ruff = [sys.executable, "-m", "ruff"]
        configuration = ["--config", str(PLACE.parents[1] / "pyproject.toml"), "--quiet"]
        paths = [str(Path(place) / name) for name in files]
        subprocess.run([*ruff, "check", "--select", "I,F401,RUF036", "--fix", "--exit-zero", *configuration, *paths], check=True)
        subprocess.run([*ruff, "format", *configuration, *paths], check=True)
        return {name: (Path(place) / name).read_text() for name in files}


def main() -> None:
    for name, text in written().items():
        (PLACE / name).write_text(text)


if __name__ == "__main__":
    main()
