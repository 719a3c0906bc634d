"""Drafts: what a form has to know again when it comes back, encrypted in the form itself.

A draft holds the state of the object that the form was made from, and the secrets that were typed since. Nothing is kept in
the process, so that any number of forms can be open.

Laws of this module:

1. A draft is read only by the process that wrote it, for the person and the object that it was written for, and for an hour at most.
   Any other one is no draft: the form begins anew.
2. A secret leaves the process only encrypted (Fernet: AES-128-CBC with HMAC-SHA-256).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from confobjects.records import Record, field

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

    from confobjects.objects.model import ManagedObject

_HOUR: Final = 3600


class Draft(Record):
    """What a form was made from: the state of the object (empty for a new one), the number of the last change then, the texts
    that its fields had, and the secrets typed since, by property.
    """

    state: str = ""
    number: int = 0
    base: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return nothing of the values: they may be secrets."""
        return f"<draft after change {self.number}>"


def describe_state(obj: ManagedObject | None) -> str:
    """Return what tells the stored state of an object from any other one; empty without an object."""
    if obj is None:
        return ""
    facts = [obj.definition.name, sorted((name, list(texts)) for name, texts in obj.values.items())]
    return hashlib.sha256(json.dumps(facts).encode("utf-8", "surrogatepass")).hexdigest()


class Drafts:
    """Writes and reads the drafts of one process."""

    def __init__(self) -> None:
        self._fernet: Fernet | None = None

    def _open(self) -> Fernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet

            self._fernet = Fernet(Fernet.generate_key())
        return self._fernet

    def write(self, draft: Draft, person: str, place: str) -> str:
        """Return a draft as the text of a field."""
        facts = {
            "for": [person, place],
            "state": draft.state,
            "number": draft.number,
            "base": {name: list(texts) for name, texts in draft.base.items()},
            "secrets": dict(draft.secrets),
        }
        return self._open().encrypt(json.dumps(facts).encode()).decode()

    def read(self, text: str, person: str, place: str, seconds: int = _HOUR) -> Draft | None:
        """Return the draft in a field; None if it is not one of this person, this place and these last seconds."""
        from cryptography.fernet import InvalidToken

        try:
            facts = json.loads(self._open().decrypt(text.encode("utf-8", "replace"), ttl=seconds))
        except InvalidToken:
            return None
        if facts["for"] != [person, place]:
            return None
        base = {name: tuple(texts) for name, texts in facts["base"].items()}
        return Draft(facts["state"], facts["number"], base, facts["secrets"])


DRAFTS: Final = Drafts()
"""The drafts of this process."""
