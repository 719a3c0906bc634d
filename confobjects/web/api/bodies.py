"""Bodies of requests: JSON (RFC 8259), bounded and without doubt.

Laws of this module:

1. No more is read than the limit, whatever the request says of its length.
2. An object with one key twice, a number that is not JSON, and a value that is nested too deeply are refused.
"""

from __future__ import annotations

import json
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.inputs import SMALL
from confobjects.mapping.documents import kind_of
from confobjects.texts.visible import make_visible
from confobjects.web.problems import BadBodyError, TooLargeError, UnsuitableBodyError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

JSON: Final = "application/json"
DEEPEST: Final = 32
"""How deeply values may be nested."""
MOST_VALUES: Final = 100_000
"""How many values one body may hold, those that are inside others included."""


def type_of(request: Request) -> str:
    """Return the media type of a body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def choose_type(request: Request, known: Sequence[str]) -> str:
    """Return the media type of a body. Raises :class:`~confobjects.web.problems.UnsupportedTypeError` for another one."""
    given = type_of(request)
    if given not in known:
        said = f'a body of the type "{make_visible(given)}"' if given else "a body without a type"
        raise UnsupportedTypeError(
            Diagnostic("usage", f"{said} is not understood here", remedy=f"Content-Type: {' or '.join(known)}")
        )
    return given


async def read_bytes(request: Request, most: int = SMALL) -> bytes:
    """Return the body of a request. Raises :class:`~confobjects.web.problems.TooLargeError` for a larger one."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > most:
        raise _describe_size(most)
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _describe_size(most)
        parts.append(part)
    return b"".join(parts)


def _describe_size(most: int) -> TooLargeError:
    return TooLargeError(f"the body holds more than {most:,} bytes")


async def read_json(request: Request, known: Sequence[str] = (JSON,), most: int = SMALL) -> Any:
    """Return the JSON in the body of a request of one of some media types.

    Raises :class:`~confobjects.web.problems.UnsupportedTypeError`, :class:`~confobjects.web.problems.TooLargeError` and
    :class:`~confobjects.web.problems.BadBodyError`.
    """
    choose_type(request, known)
    return await read_document(request, most)


async def read_document(request: Request, most: int = SMALL) -> Any:
    """Return the JSON in the body of a request, whose type is known. Raises as :func:`read_json`, but for the type."""
    return parse_json(await read_bytes(request, most))


async def read_members(
    request: Request, needed: Mapping[str, type], optional: Mapping[str, type] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the JSON object in the body of a request: with these members, each of its type, and no others.

    Raises as :func:`read_json`, and :class:`~confobjects.web.problems.UnsuitableBodyError`.
    """
    body = await read_json(request)
    if not isinstance(body, dict):
        raise UnsuitableBodyError(f"the body is a JSON object, this is {kind_of(body)}")
    known = {**needed, **optional}
    for name in (*body, *needed):
        if name not in known:
            summary = f'there is no member "{make_visible(name[:60])}" here'
            remedy = suggest_name(name, known) or f"known: {', '.join(known)}"
            raise UnsuitableBodyError(Diagnostic("usage", summary, remedy=remedy))
        if name not in body:
            raise UnsuitableBodyError(f'the body has no "{name}"')
        if type(body[name]) is not known[name]:
            raise UnsuitableBodyError(f'"{name}" cannot be {kind_of(body[name])}')
    return body


def parse_json(data: bytes) -> Any:
    """Return the value of a JSON text in UTF-8. Raises :class:`~confobjects.web.problems.BadBodyError`."""
    try:
        text = data.decode()
        found = json.loads(text, object_pairs_hook=_take_pairs, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadBodyError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        summary = f"the body is not JSON: {error.msg[0].lower()}{error.msg[1:]}"
        raise BadBodyError(Diagnostic("usage", summary, line=error.lineno, column=error.colno)) from None
    except RecursionError:
        raise BadBodyError(_TOO_DEEP) from None
    except ValueError:  # nothing else is left: Python reads no more digits of a number
        raise BadBodyError(f"a number in the body has more than {sys.get_int_max_str_digits():,} digits") from None
    check_size(found)
    return found


def check_size(value: Any) -> None:
    """Refuse a value that is nested too deeply, or holds too many others, or a text that cannot be UTF-8.

    Raises :class:`~confobjects.web.problems.BadBodyError`.
    """
    level, count = [value], 0
    for _ in range(DEEPEST):
        count += len(level)
        if count > MOST_VALUES:
            raise BadBodyError(f"the body holds more than {MOST_VALUES:,} values")
        below = list[Any]()
        for one in level:
            if isinstance(one, dict):
                _check_texts(one)
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        _check_texts(one for one in level if isinstance(one, str))
        if not below:
            return
        level = below
    raise BadBodyError(_TOO_DEEP)


def _check_texts(texts: Any) -> None:
    if any(not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text) for text in texts):
        raise BadBodyError("a text in the body is half of a character: a surrogate without the other one")


_TOO_DEEP: Final = f"the body is nested more than {DEEPEST} deep"


def _take_pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(items)
    if len(made) < len(items):
        seen = set[str]()
        twice = next(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # never true
        raise BadBodyError(f'the key "{make_visible(twice[:60])}" is given twice in one object')
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise BadBodyError(f"the body is not JSON: {name} is not a JSON number")
