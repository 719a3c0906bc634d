"""Definitions that a configuration holds itself: what is stored of each, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from confobjects.diagnostics import Diagnostic
from confobjects.expressions.openers import OPENERS
from confobjects.records import Record, field

TEXT: Final = "definition"
DIGEST: Final = "definition-digest"
"""The properties of an object that holds a definition."""
_VERSION: Final = "version"
_MOST_PARTS: Final = 10
"""Parts of a definition that a difference names, at most."""
Reason = Literal["broken", "newer", "code"]
"""Why an installed definition is left out: it is wrong, needs a newer version of this library, or names code."""


class _Unread:
    """What returns the text of a definition that may not have been read yet."""

    __slots__ = ("_read",)
    _read: Callable[[], str]


class InstalledText(_Unread, Record):
    """A definition as the configuration holds it. ``origin`` is the DN of its entry, ``digest`` the stored one.

    If the digest is known to be right, ``text`` may be a function that returns the text when something asks for it.
    """

    name: str
    origin: str
    text: str = field(repr=False)
    digest: str = ""
    problem: Diagnostic | None = None
    """What is wrong with the entry itself, if anything."""

    def __init__(
        self,
        name: str,
        origin: str,
        text: str | Callable[[], str],
        digest: str = "",
        problem: Diagnostic | None = None,
    ) -> None:
        self._fill(name=name, origin=origin, digest=digest, problem=problem)
        self._fill(**({"text": text} if isinstance(text, str) else {"_read": text}))

    @property
    def is_known(self) -> bool:
        """Whether the digest is known to be that of the text."""
        return hasattr(self, "_read")

    def __getattr__(self, name: str) -> str:
        if name != "text":
            raise AttributeError(name)
        text = self._read()
        self._fill(text=text)
        return text


class UnusableDefinition(Record):
    """An installed definition that is left out, and why."""

    installed: InstalledText
    problems: tuple[Diagnostic, ...]
    reason: Reason = "broken"

    def as_warnings(self) -> Iterator[Diagnostic]:
        """Yield the problems as warnings, each with the place of the definition."""
        yield from (problem.replace(severity="warning") for problem in self.problems)


def digest_of(text: str) -> str:
    """Return the digest of the text of a definition: SHA-256 in hexadecimal."""
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_stored(text: str) -> str:
    """Return a JSON text as it is stored: it never begins an expression, which a value of a property may be.

    The openers stand only in strings of JSON, where their first character may be written as its number.
    """
    for opener in OPENERS:
        text = text.replace(opener, _escape(opener))
    return text


def as_given(text: str) -> str:
    """Return a stored text with what :func:`as_stored` has written as numbers; both are the same JSON."""
    for opener in OPENERS:
        text = text.replace(_escape(opener), opener)
    return text


def _escape(opener: str) -> str:
    return f"\\u{ord(opener[0]):04x}{opener[1]}"


def check_digest(installed: InstalledText) -> Iterator[Diagnostic]:
    """Yield the problem of a text that is not the one that was judged, or of an entry that cannot be read."""
    if installed.problem is not None:
        yield installed.problem
    elif not installed.is_known and installed.digest != digest_of(installed.text):
        summary = f'the definition "{installed.name}" was changed by other means: its digest does not fit'
        remedy = "install it again, or remove it"
        yield Diagnostic("broken-definition", summary, origin=installed.origin, remedy=remedy)


def merge_installed(some: Iterable[InstalledText], others: Iterable[InstalledText]) -> tuple[InstalledText, ...]:
    """Return several installed definitions, sorted by name; of one name the other one counts."""
    found = {one.name.casefold(): one for one in (*some, *others)}
    return tuple(sorted(found.values(), key=lambda one: one.name))


def describe_difference(before: str, after: str) -> str:
    """Return in a few words what differs between two stored texts of one definition: versions, and parts that changed.

    ``before`` is empty for a definition that was not there.
    """
    old, new = map(_read_parts, (before, after))
    if new is None:
        return "what is no definition"
    version = f"version {new.get(_VERSION, '-')}"
    if old is None:
        return f"{version}, in place of what was no definition" if before else version
    if old.get(_VERSION) != new.get(_VERSION):
        version += f" (it was {old.get(_VERSION, '-')})"
    parts = [name for name in dict.fromkeys((*old, *new)) if name != _VERSION and old.get(name) != new.get(name)]
    more = f" and {len(parts) - _MOST_PARTS} more" if len(parts) > _MOST_PARTS else ""
    return f"{version}; changed: {', '.join(parts[:_MOST_PARTS]) or 'nothing that counts'}{more}"


def _read_parts(text: str) -> dict[str, Any] | None:
    """Return the parts of a definition by name; those of a part that has named parts are ``properties.host``."""
    import json

    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, Mapping):
        return None
    found: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value):
            found.update((f"{name}.{one['name']}", one) for one in value)
        elif isinstance(value, Mapping):
            found.update((f"{name}.{key}", one) for key, one in value.items())
        else:
            found[name] = value
    return found
