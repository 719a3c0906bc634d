"""The result of a batch, for people, for scripts and as JSON."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from confobjects.diagnostics import Diagnostic
from confobjects.errors import error_for
from confobjects.texts.visible import make_visible

from ..output.changes import report_as_json, tell_changes
from ..output.messages import Message, message_of, tell_problem
from ..words.actions import as_json
from ..words.quoting import quote_word

if TYPE_CHECKING:
    from confobjects.objects.changes import ChangeReport

    from ..invocation import Invocation
    from ..output.progress import Progress
    from .steps import BatchStep


class BatchSummary:
    """Reports the steps and the whole."""

    def __init__(self, invocation: Invocation, origin: str, steps: Sequence[BatchStep]) -> None:
        self.invocation = invocation
        self.origin = origin
        self.steps = steps
        self._lines = [step.line for step in steps]
        self._noted: set[Message] = set()

    def note_known(self, warnings: Iterable[Diagnostic]) -> None:
        """Keep the storage's warnings; they are printed once, at the end."""
        self._noted.update(map(message_of, warnings))

    def line_of(self, step: BatchStep) -> str:
        """Return a command without its secrets."""
        return make_visible(" ".join(map(quote_word, step.source.mask_command(step.command))))

    # -- the steps -------------------------------------------------------------------------------------------------

    def tell_step(self, step: BatchStep, progress: Progress | None = None, report: ChangeReport | None = None) -> None:
        """Print the output, the remarks and the problems of a step, whose changes are in a report."""
        if self.invocation.form == "json":
            return
        remarks = [one for one in step.noted if one not in self._noted]
        self._noted.update(remarks)
        if progress is not None and (step.said or remarks or step.problems):
            progress.clear()
        self._say_step(step, report)
        for one in remarks:
            self.invocation.tell(one.place_at(f"{self.origin}:{step.line}"))
        for problem in step.problems:
            tell_problem(problem)

    def _say_step(self, step: BatchStep, report: ChangeReport | None) -> None:
        if self.invocation.compat:
            from ..compat.batch import tell_step

            tell_step(self.invocation, step, report)
            return
        if self.invocation.verbose or (step.said and self.invocation.tells_people):
            mark = f"  [{step.outcome}]" if self.invocation.verbose and step.outcome else ""
            self.invocation.say(f"{self.line_of(step)}{mark}")
        for text in step.said:
            self.invocation.say(text)

    # -- the whole -------------------------------------------------------------------------------------------------

    def tell_refusal(self, problems: Sequence[Diagnostic], *, lost: bool) -> None:
        """Say, before the problems, what they mean for the whole; ``lost`` says that the server went away while it was changed."""
        if self.invocation.form == "json" or self.invocation.quiet:
            return
        wrong = {bisect_right(self._lines, problem.line) for problem in problems if problem.line is not None}
        counts = f"{len(wrong)} of {_commands_phrase(len(self.steps))} failed"
        outcome = "the server went away, and a part may have been changed" if lost else "nothing was changed"
        self.invocation.tell(Message(f"{self.origin}: {counts}: {outcome}", "error"))

    def tell(self, report: ChangeReport, *, told: bool = False) -> int:
        """Report the result and return the exit status; ``told`` says that each step was reported already."""
        failed = [step for step in self.steps if step.outcome == "failed"]
        status = error_for(failed[0].problems).exit_code if failed else 0
        if self.invocation.form == "json":
            self._tell_json(report)
            return status
        if not told:
            for step in self.steps:
                self.tell_step(step, report=report)
        tell_changes(self.invocation, report, "")
        if self.invocation.compat:
            return min(status, 1)  # dsconfig has one status for each failure of a command
        if self.invocation.tells_people:
            self.invocation.say_sentences(self._sentence())
        return status

    def _sentence(self) -> str:
        counts = self._counts()
        parts = [f"{counts['done']} done", f"{counts['unchanged']} unchanged", f"{counts['failed']} failed"]
        parts += [f"{counts['skipped']} not tried"] if counts["skipped"] else []
        written = " Nothing was written: this was a dry run." if self.invocation.dry_run else ""
        return f"{_commands_phrase(len(self.steps))}: {', '.join(parts)}.{written}"

    def _counts(self) -> dict[str, int]:
        found = [step.outcome for step in self.steps]
        return {
            "done": found.count("done") + found.count("shown"),
            "unchanged": found.count("unchanged"),
            "failed": found.count("failed"),
            "skipped": found.count(""),
        }

    def _tell_json(self, report: ChangeReport) -> None:
        from ..output.json import dumps

        whole = report_as_json(report, dry_run=self.invocation.dry_run)
        whole["summary"] = {"commands": len(self.steps), **self._counts()}
        whole["commands"] = [self._json_of(step) for step in self.steps]
        self.invocation.say(dumps(whole))

    def _json_of(self, step: BatchStep) -> dict[str, Any]:
        item: dict[str, Any] = {
            "line": step.line,
            "command": self.line_of(step),
            "outcome": step.outcome or "skipped",
        }
        if step.said:
            item["output"] = _parse_output("".join(step.said))
        if step.problems:
            error = error_for(step.problems)
            item["error"] = {
                "code": error.code,
                "exit": error.exit_code,
                "diagnostics": [as_json(problem) for problem in step.problems],
            }
        return item


def _commands_phrase(count: int) -> str:
    return f"{count} command{'' if count == 1 else 's'}"


def _parse_output(text: str) -> Any:
    """Return what a command printed, parsed if it is JSON; a command may have chosen another form."""
    try:
        return json.loads(text)
    except ValueError:
        return text
