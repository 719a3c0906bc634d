"""What the editor shows: the table of an object's properties, one property, a plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.definitions.conditions import And, Condition, Contains
from confobjects.objects.reading import mask_secret
from confobjects.texts.visible import make_visible

from ..output.table import join_values
from .choosing import Choice, Menu, cut, number_choices
from .draft import ADD, CHANGE, KEEP, REMOVE, RESET, REVERT, Draft

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.objects.model import Texts

FINISH = "finish"
CANCEL = "cancel"
QUIT = "quit"
BACK = "back"
HELP = "help"
MORE = "more"
COMMAND = "command"
HISTORY = "history"
UNDO = "undo"
CHECK = "check"

_QUIT = Choice("q", "quit", QUIT)
_HELP = Choice("?", "help", HELP)


def format_values(prop: PropertyDefinition, texts: Texts) -> str:
    """Return values as one text, secrets masked, ``-`` for none."""
    return join_values([format_value(prop, text) for text in texts])


def format_value(prop: PropertyDefinition, text: str) -> str:
    """Return a value on one line: a secret as the mask, and control characters made visible."""
    return make_visible(mask_secret(prop, text))


def state_of(draft: Draft, name: str) -> str:
    """Return the current values of a property, and whether they are its default."""
    shown = format_values(draft.property_named(name), draft.current_texts(name))
    if not draft.is_default(name):
        return shown
    if name in draft.undecided:
        return "(default, decided at startup)"
    return f"{shown}  (default)" if draft.current_texts(name) else shown


def editor_page(title: str, draft: Draft, *, advanced: bool, width: int) -> Menu:
    """Return the editor's page: a numbered table of properties, changed ones starred, and what else can be done."""
    shown = draft.properties(advanced=advanced)
    widest = max((len(prop.name) for prop in shown), default=0)
    labels = [
        cut(f"{'*' if draft.is_changed(p.name) else ' '} {p.name:<{widest}}  {state_of(draft, p.name)}", width - 7)
        for p in shown
    ]
    hidden = len(draft.properties(advanced=True)) - len(draft.properties(advanced=False))
    word = "hide" if advanced else "show"
    more = (Choice("a", f"{word} the advanced properties", MORE),) if hidden or advanced else ()
    finish = "create it" if draft.creating else "apply the changes"
    letters = (
        *more,
        Choice("d", "display the command that does this", COMMAND),
        Choice("?", "help; with a number, help on that property", HELP),
        Choice("f", f"finish: see the plan and {finish}", FINISH),
        Choice("c", "cancel", CANCEL),
        _QUIT,
    )
    entries = tuple(
        Choice(str(n), label, prop.name) for n, (label, prop) in enumerate(zip(labels, shown, strict=True), 1)
    )
    return Menu(title, "Which property do you want to edit?", entries, letters, default="f", wide=False)


_WORDS: Mapping[str, str] = {
    KEEP: "Keep it as it is",
    ADD: "Add a value",
    REMOVE: "Remove values",
}


def property_page(title: str, draft: Draft, name: str) -> Menu:
    """Return the page of one property: its meaning, its values, and its actions."""
    prop = draft.property_named(name)
    actions = draft.actions(name)
    entries = number_choices([_action_label(draft, name, action) for action in actions], actions)
    heading = f"{prop.name} ({title})"
    question = f"{prop.synopsis}\nNow: {state_of(draft, name)}"
    if KEEP in actions and len(actions) == 1:
        when = "it always has its default" if prop.is_fixed else "it can be set only when the object is created"
        question += f"\nIt is read-only: {when}."
    return Menu(heading, question, entries, (_HELP, Choice("b", "back", KEEP), _QUIT), default="1")


def _action_label(draft: Draft, name: str, action: str) -> str:
    prop = draft.property_named(name)
    if action == CHANGE:
        if prop.multi_valued:
            return "Change a value"
        return "Change it" if draft.current_texts(name) else "Give it a value"
    if action == RESET:
        return _reset_label(draft, prop)
    if action == REVERT:
        before = draft.original.get(name, ())
        return f"Revert to what it was: {format_values(prop, before)}" if before else "Revert: it had no value"
    return _WORDS[action]


def _reset_label(draft: Draft, prop: PropertyDefinition) -> str:
    if prop.name in draft.undecided:
        return "Reset it to the default, which is decided at startup"
    if defaults := draft.defaults.get(prop.name, ()):
        return f"Reset it to the default: {format_values(prop, defaults)}"
    without = f": {prop.default.sentence}" if prop.default.sentence else ""
    return f"Remove all values{without}" if prop.multi_valued else f"Leave it without a value{without}"


def list_menu(question: str, labels: Sequence[str], values: Sequence[object], *, heading: str = "") -> Menu:
    """Return a menu of numbered entries that can be left by going back; ``heading`` names their columns."""
    letters = (Choice("b", "back", BACK), _QUIT)
    return Menu("", question, number_choices(labels, values), letters, "b", heading=heading)


def main_menu(labels: Sequence[str], values: Sequence[object], *, advanced: bool) -> Menu:
    """Return the first page: the kinds of objects."""
    word = "hide" if advanced else "show"
    letters = (
        Choice("h", "history: what was changed, and taking it back", HISTORY),
        Choice("u", "undo a change", UNDO),
        Choice("c", "check the whole configuration", CHECK),
        Choice("a", f"{word} advanced objects and properties", MORE),
        _HELP,
        _QUIT,
    )
    return Menu("Main menu", "What do you want to configure?", number_choices(labels, values), letters)


def kind_menu(friendly: str, labels: Sequence[str], values: Sequence[object]) -> Menu:
    """Return the page of one kind of objects."""
    letters = (_HELP, Choice("b", "back", BACK), _QUIT)
    return Menu(f"{friendly} menu", "What do you want to do?", number_choices(labels, values), letters, default="b")


def satisfying_values(condition: Condition) -> dict[str, list[str]] | None:
    """Return values that make a condition true; None if there is no single choice."""
    if isinstance(condition, Contains) and not condition.part:
        return {condition.property: [condition.value]}
    if isinstance(condition, And):
        result: dict[str, list[str]] = {}
        for part in condition.parts:
            found = satisfying_values(part)
            if found is None or not result.keys().isdisjoint(found):
                return None
            result |= found
        return result
    return None
