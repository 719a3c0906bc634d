"""Forms: the fields that a browser sends, read in full and within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from confobjects.errors import UsageError
from confobjects.records import Record, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

MOST_FIELDS: Final = 5_000
MOST_OCTETS: Final = 1_000_000
"""The most fields, and octets, of a form; our own have a few dozen fields."""


class Form(Record):
    """The fields of a form: each name with its values, in the order in which they were sent."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def first(self, name: str) -> str:
        """Return the first value of a field, empty without one."""
        return next(iter(self.fields.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a field."""
        return self.fields.get(name, ())

    def __contains__(self, name: object) -> bool:
        return name in self.fields


def parse_form(text: str) -> Form:
    """Return the fields of a form (``application/x-www-form-urlencoded``). Raises UsageError."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise UsageError("the form cannot be read: it has too many fields, or is not UTF-8") from None
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value.replace("\r\n", "\n"))
    return Form(found)


async def read_form(request: Request) -> Form:
    """Return the form in the body of a request. Raises UsageError for what is no form, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UsageError("a form is sent as application/x-www-form-urlencoded")
    body = await request.body()
    if len(body) > MOST_OCTETS:
        raise UsageError(f"the form is larger than {MOST_OCTETS} octets")
    try:
        return parse_form(body.decode("ascii"))
    except UnicodeDecodeError:
        raise UsageError("the form is not percent-encoded") from None
