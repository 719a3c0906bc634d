"""What a remedy asks for, in the words of the REST API; where it has none of its own, in those for a caller in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.actions import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.actions import RemedyAction, Verb

WORDS: Final[Mapping[Verb, str]] = {
    "list": "the list of {0}",
    "check": "GET /check names all",
    "see-waiting": "GET /mail-queue?state=queued",
    "lift-suppression": "POST /mail-quotas/{}/lift",
    "reset-quota": "POST /mail-quotas/{}/reset",
    "test-mail": 'POST /tests with the path of the {0} "{2}"',
    "save-untested": "test=never saves it without a test",
    "recreate": "recreate=true creates the object anew",
    "give-values": "an environment that the server was started with",
    "undo": "POST /history/{}/undo",
    "undo-to": "POST /history/{}/undo-later",
    "show-change": "GET /history/{}",
    "export-ldif": "an export shows",
}
"""The addresses are those below the root of the API."""


def say(action: RemedyAction) -> str:
    """Return an action in the words of the REST API."""
    words = WORDS.get(action.verb)
    return plain(action) if words is None else words.format(*action.arguments)
