"""What is kept of the last test of an object: when, how deep, with what result, by whom, and what it was made with.

Laws: a record is no part of the configuration: it stands in no history, and no listener hears of it. It holds no secret, and
nothing from which one could be guessed. Whoever may write where it is kept may write anything: a text that is no record of the
object is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from confobjects.paths import ManagedObjectPath
from confobjects.records import Record, as_dict
from confobjects.texts.names import normal_name

RECORD_CLASS: Final = "ds-cfg-verification"
RECORD: Final = "ds-cfg-verification-record"
"""The attribute that holds a record, as JSON."""
NAMING: Final = "cn"
"""The attribute that names the entry of a record."""

PASSED: Final = "passed"
"""The code of a test that passed."""
MOST_CHARACTERS: Final = 16 * 1024
"""Characters of a record, at most."""
MOST_RECORDS: Final = 100_000
"""Records of one configuration, at most."""
LONGEST_NAME: Final = 200
"""Characters of who tested, and on which machine; more are cut off."""
_WORD: Final = "[a-z0-9][a-z0-9-]{0,63}"
_DIGEST: Final = "[0-9a-f]{64}"
_KEY_ID: Final = "[0-9a-f]{0,64}"
_KEY: Final = "[0-9a-f]{40}"


class Fingerprint(Record):
    """What a test was made with, as digests.

    ``plain`` covers the stored texts of the object, of a secret the revision of its entry, and the revisions of what the
    object depends on. ``keyed`` covers the same with the secrets themselves, under a key that is kept outside the
    configuration and that ``key`` names; both are empty without a key.
    """

    plain: str
    key: str = ""
    keyed: str = ""


class VerificationRecord(Record):
    """The last test of an object. ``time`` is UTC, ISO 8601.

    ``code`` is :data:`PASSED`, or what failed, at ``stage``; ``depth`` says how far the test was to go.
    """

    path: str
    time: str
    depth: str
    code: str
    stage: str
    who: str
    machine: str
    made_with: Fingerprint

    @property
    def passed(self) -> bool:
        """Whether the test passed."""
        return self.code == PASSED


def key_of(path: ManagedObjectPath) -> str:
    """Return the name that the record of an object is kept under: one for all spellings of its path."""
    from hashlib import sha256

    elements = (
        "\0".join((relation, "" if name is None else f"={normal_name(name)}")) for relation, name in path.elements
    )
    return sha256("\0\0".join(elements).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def is_key(text: str) -> bool:
    """Tell whether a text is a name that a record can be kept under."""
    return re.fullmatch(_KEY, text) is not None


def write_record(record: VerificationRecord) -> str | None:
    """Return a record as JSON; None if it is none that could be read again, as one with too long a path."""
    import json

    fitting = record.replace(who=_cut(record.who), machine=_cut(record.machine))
    found = {**as_dict(fitting), "made_with": as_dict(fitting.made_with)}
    text = json.dumps(found, separators=(",", ":"))
    return None if read_record(text) is None else text


def _cut(name: str) -> str:
    return name.encode("utf-8", "replace").decode()[:LONGEST_NAME]


def read_record(text: str) -> VerificationRecord | None:
    """Return the record in a text, None if it is none."""
    import json

    if len(text) > MOST_CHARACTERS:
        return None
    try:
        found = json.loads(text)
        return _read_fields(found) if isinstance(found, Mapping) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _read_fields(found: Mapping[str, Any]) -> VerificationRecord:
    made_with = found["made_with"]
    record = VerificationRecord(
        _read_text(found["path"], MOST_CHARACTERS),
        _read_text(found["time"], LONGEST_NAME),
        _read_form(found["depth"], _WORD),
        _read_form(found["code"], _WORD),
        _read_text(found["stage"], LONGEST_NAME),
        _read_text(found["who"], LONGEST_NAME),
        _read_text(found["machine"], LONGEST_NAME),
        Fingerprint(
            _read_form(made_with["plain"], _DIGEST),
            _read_form(made_with["key"], _KEY_ID),
            _read_form(made_with["keyed"], _DIGEST) if made_with["key"] else "",
        ),
    )
    if not _is_time(record.time) or bool(record.stage) is record.passed or not _is_stage(record.stage):
        raise ValueError(record.time)
    return record


def _is_time(text: str) -> bool:
    """Tell whether a text is a time that there is: no 40th of February."""
    from datetime import datetime

    from confobjects.mapping.followers import seconds_of

    try:
        return seconds_of(text) is not None and datetime.fromisoformat(text.removesuffix("Z")).isoformat() + "Z" == text
    except ValueError:
        return False


def _is_stage(text: str) -> bool:
    return not text or re.fullmatch(_WORD, text) is not None


def _read_text(value: object, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise TypeError(value)
    value.encode()  # JSON may hold halves of characters
    return value


def _read_form(value: object, form: str) -> str:
    text = _read_text(value, MOST_CHARACTERS)
    if re.fullmatch(form, text) is None:
        raise ValueError(text)
    return text
