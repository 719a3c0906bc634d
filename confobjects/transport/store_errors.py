"""What is wrong with a trust store or a key store, as the error of the provider that names it.

Both kinds of provider have the properties ``…-file``, ``…-type`` and ``…-pin``, and reasons that begin alike.
"""

from __future__ import annotations

from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.mail.diagnosis import TrustError
from confobjects.mail.plan import TrustSource
from confobjects.records import Record
from confobjects.tls.stores import Kind, StoreProblem


class StoreWords(Record):
    """What a kind of store is called, and what the names of its properties and reasons begin with."""

    noun: str
    prefix: str


TRUST_STORE: Final = StoreWords("trust store", "trust-store")
KEY_STORE: Final = StoreWords("key store", "key-store")

_PLACES: Final[dict[Kind, tuple[str, str]]] = {
    "damaged": ("damaged", "file"),
    "empty": ("empty", "file"),
    "wrong-type": ("damaged", "file"),
    "no-password": ("pin", "pin"),
    "wrong-password": ("pin", "pin"),
    "no-key": ("empty", "file"),
    "no-certificate": ("empty", "file"),
    "mismatch": ("mismatch", "file"),
    "exposed": ("exposed", "file"),
}
"""Kind of problem -> how the reason and the name of the property to change end; that of an alias is not of the store."""


def trust_error_for(
    source: TrustSource, summary: str, advice: Remedy, name: str, reason: str = "trust-unusable"
) -> TrustError:
    """Return the error of a provider that cannot be used. ``name`` is the property to change."""
    return TrustError(reason, Diagnostic("mail-trust", summary, path=source.path, property=name, remedy=advice))


def error_for_store(source: TrustSource, words: StoreWords, path: str, problem: StoreProblem) -> TrustError:
    """Return the error of a provider whose store cannot be used."""
    if problem.kind == "alias":
        reason, name = f"{words.prefix}-alias", "key-alias"
    else:
        reason, name = (f"{words.prefix}-{end}" for end in _PLACES[problem.kind])
    said, remedy = _explain(source, words, problem)
    return trust_error_for(source, f"the {words.noun} {path} cannot be used: {said}", remedy, name, reason)


def _explain(source: TrustSource, words: StoreWords, problem: StoreProblem) -> tuple[str, Remedy]:
    """Return what is wrong in the words of the properties, and what to do."""
    kind, pin = f"{words.prefix}-type", f"{words.prefix}-pin"
    if problem.kind == "wrong-type":
        remedy = ("Set ", RemedyAction("assign", kind, problem.found), ", or reset it.")
        return f"{kind} says {source.get(kind)}, but the file is {problem.found}", remedy
    if problem.kind == "no-password":
        return "it cannot be opened without a pin", f"Set {pin}."
    if problem.kind == "wrong-password":
        return "the pin is wrong, or the store is damaged", f"Correct {pin}."
    return str(problem), problem.advice


def error_for_unreadable(
    source: TrustSource, words: StoreWords, path: str, error: OSError, name: str = ""
) -> TrustError:
    """Return the error of a provider whose file cannot be read. ``name`` is the property of the path, if not ``…-file``."""
    name = name or f"{words.prefix}-file"
    advice = f"Set {name} to a path that can be read; a relative path starts from {source.instance_directory or '.'}."
    summary = f"{path} cannot be read: {error.strerror}"
    return trust_error_for(source, summary, advice, name, f"{words.prefix}-unreadable")
