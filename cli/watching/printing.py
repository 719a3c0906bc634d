"""Tells what was heard, at once: changes to standard output, anything else to standard error; as JSON all to the first."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from confobjects import startup

from ..output.messages import write
from ..output.watched import describe_notice, dump_line, format_notice, list_rows

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic

    from ..invocation import Invocation
    from ..output.watched import Document


class WatchPrinter:
    """Prints documents in the form that was asked for, and problems as they come and go."""

    def __init__(self, invocation: Invocation, url: str) -> None:
        self._invocation = invocation
        self._url = url
        self._problems: dict[str, tuple[Diagnostic, ...]] = {}
        self._is_stale = False
        self.is_writing = False
        """Whether standard output has not taken the last line yet."""

    def tell_state(self, state: Document) -> None:
        """Tell what is in effect at the start: to people only how much it is."""
        if self._invocation.form == "json":
            self._say(dump_line(state))
            return
        count, number = len(state["objects"]), state["number"]
        objects = f"{count} object{'' if count == 1 else 's'}"
        self._invocation.note(f"watching {self._url}: {objects}, {f'change {number}' if number else 'no change yet'}")

    def tell_group(self, group: Document) -> None:
        """Tell a change group."""
        if self._invocation.form == "json":
            self._say(dump_line(group))
        elif self._invocation.form == "script":
            from ..output.script import format_lines

            self._say(format_lines(list_rows(group)))
        else:
            self._say("\n".join("  ".join(row) for row in list_rows(group)))

    def tell_problems(self, source: str, problems: Iterable[Diagnostic]) -> None:
        """Tell which problems of a source are new, and which are there no longer."""
        known = self._join_problems()
        self._problems[source] = tuple(problems)
        now = self._join_problems()
        for problem in now:
            if problem not in known:
                self.tell_notice("problem", problem)
        for problem in known:
            if problem not in now:
                self.tell_notice("solved", problem)

    def _join_problems(self) -> dict[Diagnostic, None]:
        return dict.fromkeys(problem for several in self._problems.values() for problem in several)

    def tell_hearing(self, *, is_stale: bool) -> None:
        """Tell when changes cannot be heard any more, and when they are heard again."""
        if is_stale is not self._is_stale:
            self._is_stale = is_stale
            self.tell_notice("stale" if is_stale else "heard")

    def tell_notice(self, event: str, problem: Diagnostic | None = None) -> None:
        """Tell what is no change, also to who wants only problems."""
        time = startup.current_time()
        if self._invocation.form == "json":
            self._say(dump_line(describe_notice(event, time, () if problem is None else (problem,))))
        else:
            write(f"{format_notice(event, time, problem)}\n")

    def _say(self, text: str) -> None:
        self.is_writing = True
        self._invocation.say(text, exact=True)
        sys.stdout.flush()
        self.is_writing = False
