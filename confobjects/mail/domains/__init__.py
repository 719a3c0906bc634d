"""What receivers will think of mails from a domain: SPF, DKIM and DMARC, from what the DNS says.

:func:`~confobjects.mail.domains.judging.judge_domain` is the door. It gets a function that looks names up; the room does no IO
itself. Each of the other modules reads one kind of record, which is foreign text.

Laws:

1. Records are foreign text: any text gives a result or a :class:`RecordError`, with bounded work. The number of look-ups
   has a limit, whatever the records say.
2. What cannot be known is said to be unknown. A failed look-up is never taken for an absent record.
3. Only what was asked for decides: a relay may send from other addresses than its own, so an address that SPF does not name is no
   error by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from confobjects.records import Record

RecordType = Literal["A", "AAAA", "MX", "TXT", "PTR"]
Status = Literal["found", "no-records", "no-name", "failed"]


class Answer(Record):
    """What the DNS says of a name and a type.

    ``records`` are texts: addresses, the host names of MX (best first) and of PTR, and of TXT the joined strings. ``no-name`` means
    that the name does not exist (NXDOMAIN), ``failed`` that it is not known; ``message`` says why.
    """

    status: Status
    records: tuple[str, ...] = ()
    message: str = ""


Resolve = Callable[[str, RecordType], Answer]
"""Looks a name up. It raises nothing for what the DNS, or its absence, may say."""


class RecordError(ValueError):
    """A record does not follow its syntax. The message says why, as a phrase."""


def parse_tags(text: str, most: int = 100) -> dict[str, str]:
    """Return the tags of a tag list (RFC 6376, section 3.2): ``v=DKIM1; p=…``. Raises :class:`RecordError`."""
    found: dict[str, str] = {}
    parts = text.split(";")
    if len(parts) > most:
        raise RecordError("it has too many tags")
    for part in parts:
        if not part.strip():
            continue
        name, sign, value = part.partition("=")
        name = name.strip()
        if not sign or not name.isascii() or not name.replace("_", "a").isalnum():
            raise RecordError(f'"{part.strip()[:40]}" is not a tag and its value')
        if name in found:
            raise RecordError(f'the tag "{name}" is there twice')
        found[name] = value.strip()
    return found


def normal_domain(name: str) -> str:
    """Return a domain for comparison and look-ups: in lower case, without a final dot."""
    return name.rstrip(".").lower()
