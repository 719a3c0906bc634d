"""Versions of objects: entity tags (RFC 9110, 8.8.3) that name the stored state of one object.

Laws of this module:

1. Equal tags name equal states: the same DN and the same stored text, revision included. A singleton that was never written has
   the state of its emptiness.
2. A tag tells nothing of the state: it is an HMAC with a key that only this process has.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.web.problems import PreconditionFailedError, PreconditionRequiredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.dn import DN
    from confobjects.management import Site
    from confobjects.management.world import StorageWorld
    from confobjects.mapping.entry import Entry
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

_KEY: Final = secrets.token_bytes(32)
ANY: Final = "*"


def make_tag(dn: DN, entry: Entry | None) -> str:
    """Return the tag of a stored entry; of one that is not there, that of its emptiness."""
    attributes = {} if entry is None else entry.attributes
    stored = sorted((name.lower(), sorted(map(_as_text, values))) for name, values in attributes.items())
    digest = hmac.new(_KEY, repr((dn.normal, stored)).encode("utf-8", "surrogatepass"), "sha256")
    return f'"{digest.digest()[:16].hex()}"'


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else repr(value)


def tag_of(site: Site, world: StorageWorld, obj: ManagedObject) -> str:
    """Return the tag of an object that was read in a view."""
    return make_tag(site.mapper.dn_of(obj.path), world.entries.get(obj.path))


def read_tags(header: str) -> frozenset[str]:
    """Return the tags in the value of If-Match or If-None-Match. Weak ones never name a state: they are left out."""
    parts = [part.strip() for part in header.split(",")]
    return frozenset(part for part in parts if part == ANY or (len(part) > 1 and part[0] == part[-1] == '"'))


class Precondition:
    """What a request demands of the state that it changes."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        given = headers.get("if-match")
        self._wanted = None if given is None else read_tags(given)
        self._is_creation = ANY in read_tags(headers.get("if-none-match", ""))

    def check(self, path: ManagedObjectPath, tag: str | None) -> None:
        """Compare with the tag of the stored state; None where there is no object.

        Raises :class:`~confobjects.web.problems.PreconditionFailedError` and
        :class:`~confobjects.web.problems.PreconditionRequiredError`.
        """
        if tag is None:
            if self._wanted is not None:
                raise _fail(path, "there is no such object, and If-Match expects one")
            return
        if self._is_creation:
            raise _fail(path, "there is such an object already, and If-None-Match expects none")
        if self._wanted is None:
            summary = "a change of what exists needs If-Match"
            remedy = "read the object, and send the ETag of the answer as If-Match"
            raise PreconditionRequiredError(Diagnostic("if-match-required", summary, path=str(path), remedy=remedy))
        if ANY not in self._wanted and tag not in self._wanted:
            raise _fail(path, "the object is not as If-Match says: somebody has changed it since it was read")


def _fail(path: ManagedObjectPath, summary: str) -> PreconditionFailedError:
    remedy = "read it again, and decide anew"
    return PreconditionFailedError(Diagnostic("changed-meanwhile", summary, path=str(path), remedy=remedy))
