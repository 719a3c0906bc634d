"""Remedies in the console: the words of each action, and the button or link that carries it out.

Law: an action that the console can carry out is a button or a link; any other is said in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction, Verb, as_parts, plain, remedy_text
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


def offer_once(problems: Sequence[Diagnostic]) -> list[tuple[Diagnostic, list[Offer]]]:
    """Return problems of one page, each with what is offered to mend it; what several offer stands beside the last of them."""
    found: list[tuple[Diagnostic, list[Offer]]] = []
    seen = set[Offer]()
    for problem in reversed(problems):
        fresh = [one for one in offer_remedies(problem) if one not in seen]
        seen.update(fresh)
        found.append((problem, fresh))
    return found[::-1]


def explain(problem: Diagnostic, *, buttons: bool = False) -> list[str]:
    """Return what explains a problem, below its summary. A remedy that is nothing but ``buttons`` is not said as well."""
    words = [remedy_text(problem.remedy, say)] if problem.remedy else []
    offered = {action for action in problem.list_actions() if action.verb in _OFFERS}
    is_offered = buttons and all(part in offered for part in as_parts(problem.remedy))
    return [*problem.detail_lines(), *([] if is_offered else words)]


def read_fix(text: str) -> list[tuple[str, str]]:
    """Return the properties and values of a button that mends a problem; none for a text that no button has."""
    try:
        found = json.loads(text)
        return [(str(name), str(value)) for name, value in found]
    except (ValueError, TypeError, RecursionError):
        return []
