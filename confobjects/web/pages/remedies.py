"""Remedies in the console: the words of each action, and the button or link that carries it out.

Law: an action that the console can carry out is a button or a link; any other is said in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction, Verb, plain
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic


class Offer(Record):
    """What is offered beside a problem: a button of the form (``name`` and ``value``), or a link (``to``)."""

    label: str
    name: str = ""
    value: str = ""
    to: str = ""


_WORDS: Final[Mapping[Verb, str]] = {
    "test-mail": 'send a test through "{2}"',
    "save-untested": "Save without a test",
    "undo": "undo change {}",
    "undo-to": "go back to change {}",
    "show-change": "change {}",
    "see-waiting": "look at the queue",
    "lift-suppression": "let {} get mail again",
    "reset-quota": "reset the counter of {}",
    "authorize": 'authorise the provider "{}"',
    "list": "look at all of them",
    "check": "look at the problems on the first page",
    "replace": "replace it",
    "accept-losses": "accept the loss",
    "give-values": "a value",
    "give-sender": "the sender",
    "give-recipients": "the recipients",
}
"""The words of actions that the console calls otherwise than a program does."""


def say(action: RemedyAction) -> str:
    """Return an action in the words of the console."""
    words = _WORDS.get(action.verb)
    return plain(action) if words is None else words.format(*action.arguments)


def _set_value(action: RemedyAction) -> Offer | None:
    name, value = action.arguments
    if value == "…":
        return None
    return Offer(f"Set {name} to {value}", "fix", json.dumps([[name, value]]))


def _link(label: str, address: str) -> Callable[[RemedyAction], Offer | None]:
    return lambda action: Offer(label.format(*action.arguments), to=address.format(*action.arguments))


_OFFERS: Final[Mapping[Verb, Callable[[RemedyAction], Offer | None]]] = {
    "set": _set_value,
    "assign": _set_value,
    "see-waiting": _link("Look at the queue", "/queue"),
    "show-change": _link("Look at change {}", "/history/{}"),
    "undo": _link("Undo change {}", "/history/{}"),
    "save-untested": lambda _: Offer("Save without a test", "do", "save-untested"),
    "check": _link("Look at the problems", "/"),
}
"""What carries an action out; any other action is only said."""


def _offer_fix(problem: Diagnostic) -> Iterator[Offer]:
    if problem.fix:
        label = ", ".join(f"{name} to {value}" for name, value in problem.fix)
        yield Offer(f"Set {label}", "fix", json.dumps([list(pair) for pair in problem.fix]))


def offer_remedies(problem: Diagnostic) -> list[Offer]:
    """Return what is offered to mend a problem: the corrected change first, each offer once."""
    found = [*_offer_fix(problem)]
    for action in problem.list_actions():
        make = _OFFERS.get(action.verb)
        offer = None if make is None else make(action)
        if offer is not None:
            found.append(offer)
    return list({(one.name, one.value, one.to): one for one in found}.values())


def read_fix(text: str) -> list[tuple[str, str]]:
    """Return the properties and values of a button that mends a problem; none for a text that no button has."""
    try:
        found = json.loads(text)
        return [(str(name), str(value)) for name, value in found]
    except (ValueError, TypeError, RecursionError):
        return []
