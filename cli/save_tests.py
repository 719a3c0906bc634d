"""The tests of what a command saves: as the mail service says, or as --test and --no-test say; and what is told of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confobjects import startup
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.mail.plan import EffectiveObjectLike, TokenSource
    from confobjects.management.changing.trials import OpenTests
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.protocols import Evaluator
    from confobjects.savetests import Choice, SaveTests

    from .invocation import Invocation
    from .output.stages import Timeline


def choose_tests(invocation: Invocation, url: str = "") -> OpenTests | None:
    """Return what makes the tests of a change, None where none is wanted: a dry run connects nowhere unless it is asked to.

    ``url`` is that of the configuration that is changed, if it is not the one that the command names.
    """
    if invocation.dry_run and not invocation.options["test"]:
        return None
    return lambda _: open_tests(invocation, url)


def open_tests(invocation: Invocation, url: str = "") -> SaveTests:
    """Return what tests the objects that a command saves."""
    if invocation.tests is None:
        invocation.tests = _make_tests(invocation, url)
    return invocation.tests


def _make_tests(invocation: Invocation, url: str) -> SaveTests:
    from confobjects.savetests import SaveTests

    given = invocation.options
    place = startup.find_place(url, given["instancepath"], os.environ) if url else invocation.place
    choice: Choice = "always" if given["test"] else "never" if given["no_test"] else "policy"

    @contextmanager
    def show(path: str, depth: str) -> Iterator[Timeline | None]:
        from .output.stages import show_stages

        if invocation.tells_people:
            invocation.say_sentences(
                make_visible(f"Testing {path} with unsaved values (depth {depth}), before it is saved.")
            )
        with show_stages(invocation) as timeline:
            yield timeline

    def open_evaluator() -> Evaluator:
        return invocation.make_evaluator(place)

    def find_tokens(provider: EffectiveObjectLike) -> TokenSource:
        from confobjects.service.tokens import find_tokens as find

        return find(provider)

    return SaveTests(choice, open_evaluator, place.instance_directory, find_tokens, show)


def tell_tests(say: Callable[[str], None], tests: SaveTests, changes: Iterable[ObjectChange]) -> None:
    """Say that changes were saved and which tests were made before, and what else applies to what was tested."""
    tested = {change.new_path or change.path for change in changes if change.test == "tested"}
    for one in tests.made:
        if one.path not in tested:
            continue
        found = one.result.found
        address = found.get("address")
        where = f", connected to {address}" if address else ""
        login = f", logged in with {found['mechanism']}" if "mechanism" in found else ""
        line = f"Configuration saved: {one.path} was tested (depth {one.result.depth}{where}{login})."
        say(make_visible(line))
        for note in one.result.notes:
            say(make_visible(f"  note: {note}"))
