"""The log of the service as lines of JSON (RFC 8259, RFC 3339): one object a line, for a program that collects logs.

Laws: foreign text never ends a line nor begins a field. While the ledger is sealed, no line has the address of a person: a
mail is named by its id, and what a server said is left out, because it often repeats the address. Both are in the ledger.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

_LONGEST: Final = 2000
"""Characters of a text that are logged."""

_MOST: Final = 50
"""Items of a list that are logged."""

_OWN: Final = ("time", "level", "logger", "event")

_IMPERSONAL: Final = frozenset(
    {
        "code",
        "error_type",
        "failed_over",
        "host",
        "ledger",
        "mail",
        "path",
        "problem",
        "property",
        "runner",
        "server",
        "severity",
        "stage",
    }
)
"""The facts of every logger whose texts name no person. Numbers and truth values never do."""

_OF_SERVICE: Final = frozenset({"error", "sender"})
"""Those of the service besides: an error of the ledger, and the name of a sender as the configuration has it."""

_SERVICE: Final = "confobjects.service"
_MAIL: Final = "confobjects.mail"

_ADDRESS: Final = re.compile(r"[^\s<>@]*@[^\s<>@]*")


def hide_addresses(text: str) -> str:
    """Return a text with an ellipsis in place of each mail address."""
    return _ADDRESS.sub("…", text)


class JsonFormatter(logging.Formatter):
    """Formats records as lines of JSON. ``is_sealed`` leaves out whatever may name a person."""

    def __init__(self, *, is_sealed: bool) -> None:
        super().__init__()
        self._is_sealed = is_sealed

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        facts = getattr(record, "confobjects", None)
        facts = facts if isinstance(facts, Mapping) else {}
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        document: dict[str, Any] = {
            "time": time,
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(facts.get("event", "problem" if "summary" in facts else "message")),
        }
        document.update(self._choose(record, facts))
        return json.dumps(document, separators=(",", ":"))

    def _choose(self, record: logging.LogRecord, facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if record.exc_info and record.exc_info[0] is not None:
            yield "error_type", record.exc_info[0].__name__
        if not facts and not (self._is_sealed and record.name == _MAIL):
            message = record.getMessage()
            yield "message", _shorten(hide_addresses(message) if self._is_sealed else message)
        for name, value in facts.items():
            if name not in _OWN and value != "" and self._is_told(record.name, name, value):
                yield name, _shorten(value)

    def _is_told(self, logger: str, name: str, value: Any) -> bool:
        if not self._is_sealed or isinstance(value, bool | int | float) or value is None:
            return True
        return name in _IMPERSONAL or (name in _OF_SERVICE and logger == _SERVICE)


def _shorten(value: Any) -> Any:
    """Return a value as JSON has it, of limited size."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name)[:_LONGEST]: _shorten(one) for name, one in list(value.items())[:_MOST]}
    if isinstance(value, list | tuple):
        return [_shorten(one) for one in value[:_MOST]]
    return _shorten(str(value))


__all__ = ["JsonFormatter", "hide_addresses"]
