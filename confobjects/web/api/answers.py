"""Answers: JSON texts, and the queries that ask for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.texts.visible import escape_json, make_visible
from confobjects.web.problems import BadQueryError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.requests import Request

NO_STORE: Final = {"Cache-Control": "no-store"}
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_FLAGS: Final = {"true": True, "false": False, "": True}
_LONGEST_NUMBER: Final = 9


def dump_json(document: Any) -> str:
    """Return a JSON text without anything that a terminal would act on."""
    return escape_json(_ENCODER.encode(document))


def answer_json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with a document, which no cache keeps."""
    return Response(dump_json(document), status, {**NO_STORE, **(headers or {})}, "application/json")


class Query:
    """The query of a request: each parameter is known, and given once unless it may be repeated."""

    def __init__(self, request: Request, known: Collection[str], repeated: Collection[str] = ()) -> None:
        """Read it. Raises :class:`~confobjects.web.problems.BadQueryError`."""
        self._given: dict[str, list[str]] = {}
        if not request.scope["query_string"]:
            return
        for name, value in request.query_params.multi_items():
            if name not in known and name not in repeated:
                remedy = suggest_name(name, [*known, *repeated])
                summary = f'there is no parameter "{make_visible(name)}" here'
                raise BadQueryError(Diagnostic("usage", summary, remedy=remedy))
            self._given.setdefault(name, []).append(value)
            if name not in repeated and len(self._given[name]) > 1:
                raise BadQueryError(f"the parameter {name} is given twice")

    def text(self, name: str, usual: str = "") -> str:
        """Return the value of a parameter that is given at most once."""
        return self._given.get(name, [usual])[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter that may be repeated."""
        return tuple(self._given.get(name, ()))

    def flag(self, name: str) -> bool:
        """Return whether a parameter is ``true``, or given without a value."""
        found = _FLAGS.get(self.text(name, "false"))
        if found is None:
            raise BadQueryError(f'{name} is true or false, not "{make_visible(self.text(name))}"')
        return found

    def number(self, name: str, usual: int, least: int, most: int) -> int:
        """Return a parameter that is a whole number between two others."""
        text = self.text(name, str(usual))
        number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else -1
        if not least <= number <= most:
            raise BadQueryError(f'{name} is a number from {least} to {most}, not "{make_visible(text[:60])}"')
        return number

    def choice(self, name: str, among: Collection[str], usual: str) -> str:
        """Return a parameter that is one of some words."""
        word = self.text(name, usual)
        if word not in among:
            raise BadQueryError(f'{name} is one of {", ".join(among)}, not "{make_visible(word[:60])}"')
        return word
