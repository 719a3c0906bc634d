"""Followers for people, for scripts and as JSON. What they report is foreign text: it is escaped and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.management.followers import Follower, FollowersVerdict
    from confobjects.mapping.followers import WaitingChange

ACTION_WORDS: Final = {
    "server-restart": "a restart",
    "component-restart": "the object to be disabled and enabled again",
    "other": "an action of the administrator",
}
"""What a follower waits for, by the administrator action."""
_STATES: Final = {
    "in-effect": "in effect",
    "waiting": "waits",
    "behind": "behind",
    "ahead": "not believed",
    "unknown": "unknown",
    "silent": "not heard of",
}
_KINDS: Final = {"added": "creation", "deleted": "deletion"}
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_MOST: Final = 20
"""Followers or changes that one sentence names, at most."""
_LONGEST: Final = 200
"""Characters of a foreign text in a sentence, at most."""


def show_foreign(text: str) -> str:
    """Return a text from a report as one line that does nothing to a terminal, cut if it is long."""
    return make_visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def format_duration(seconds: int) -> str:
    """Return a time in its largest unit that is reached twice, rounded down."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), (1, "s"))
    return f"{seconds // size} {unit}"


def _join_some(parts: Sequence[str], separator: str) -> str:
    more = len(parts) - _MOST
    return separator.join([*parts[:_MOST], *([f"{more} more"] if more > 0 else [])])


# -- for people ------------------------------------------------------------------------------------------------------


def describe_change(number: int | None) -> str:
    """Return what a change is called."""
    return "the change" if number is None else f"change {number}"


def summarise(verdict: FollowersVerdict) -> str:
    """Return one sentence on all followers."""
    alive, asked = len(verdict.alive), describe_change(verdict.asked.number)
    if not alive:
        head = "nobody listens"
    elif verdict.asked.number is None:
        head = f"the configuration keeps no history: it is not known what is in effect on {alive} of {alive}"
    else:
        head = f"{asked} in effect on {len(verdict.in_effect)} of {alive}"
    return "; ".join([head, *describe_each([*verdict.lacking, *verdict.silent], verdict)])


def describe_each(followers: Sequence[Follower], verdict: FollowersVerdict) -> Iterator[str]:
    """Yield what is said of each of some followers, with its name; many are not named."""
    for one in followers[:_MOST]:
        yield f"{show_foreign(one.name)} {describe_follower(one, verdict)}"
    if len(followers) > _MOST:
        yield f"{len(followers) - _MOST} more"


def describe_follower(one: Follower, verdict: FollowersVerdict) -> str:
    """Return how a follower stands to a change, without its name."""
    number, newest = one.report.number, verdict.newest
    if not one.alive:
        return describe_silence(one)
    if one.standing == "in-effect":
        return "has it in effect"
    if one.standing == "waiting":
        return describe_waiting(one.waits)
    if one.standing == "ahead":
        return (
            f"reports change {number}, and the newest is {newest}: "
            "its report is wrong, or the configuration was restored"
        )
    if one.standing == "unknown":
        return "reports no change"
    reason = f": {show_foreign(one.report.problems[0])}" if one.report.problems else ""
    return f"is at change {number}{reason}"


def describe_silence(one: Follower) -> str:
    """Return since when nothing was heard of a follower."""
    if not one.report.time:
        return "has a report that cannot be read"
    if one.silence is None:
        return "reports a time that cannot be read"
    return f"not heard of for {format_duration(one.silence)}"


def describe_waiting(waits: Sequence[WaitingChange]) -> str:
    """Return what a follower waits for, and what waits there; nothing stands for what its report leaves out."""
    if not waits:
        return "waits for more than its report holds"
    by_actions: dict[tuple[str, ...], list[str]] = {}
    for one in waits:
        by_actions.setdefault(one.actions, []).append(_describe_waiting_change(one))
    return _join_some(
        [f"waits{_for(actions)} ({_join_some(what, '; ')})" for actions, what in by_actions.items()], ", "
    )


def _for(actions: Sequence[str]) -> str:
    words = [ACTION_WORDS.get(action) or show_foreign(action) for action in dict.fromkeys(actions)]
    return f" for {_join_some(words, ' and ')}" if words else ""


def _describe_waiting_change(one: WaitingChange) -> str:
    path = show_foreign(one.path)
    names = _join_some(list(map(show_foreign, one.properties)), ", ")
    what = names or _KINDS.get(one.kind, "")
    return f"{what} of {path}" if what else path


def format_followers(verdict: FollowersVerdict) -> str:
    """Return all followers as a table, and the sentence on them; what is wrong follows, a line for each problem."""
    from .table import format_table

    headings = ("Follower", "Host", "Process", "Change", "Heard of", "State")
    rows = [_row(one) for one in verdict.followers]
    table = [format_table(headings, rows), ""] if rows else []
    return "\n".join([*table, f"{summarise(verdict)}.", *_problem_lines(verdict.followers)])


def _row(one: Follower) -> Sequence[str]:
    report = one.report
    number = "-" if report.number is None else str(report.number)
    heard = "-" if one.silence is None else f"{format_duration(one.silence)} ago"
    state = _STATES[_state_of(one)]
    return show_foreign(report.name), show_foreign(report.host), str(report.process), number, heard, state


def _problem_lines(followers: Iterable[Follower]) -> Iterator[str]:
    for one in followers:
        for problem in one.report.problems[:_MOST]:
            yield f"  {show_foreign(one.name)}: {show_foreign(problem)}"
        more = len(one.report.problems) - _MOST
        if more > 0:
            yield f"  {show_foreign(one.name)}: {more} more problems"


# -- for programs ----------------------------------------------------------------------------------------------------


def _state_of(one: Follower) -> str:
    return one.standing if one.alive else "silent"


def script_rows(verdict: FollowersVerdict) -> Iterator[Sequence[str]]:
    """Yield the cells of each follower: name, state, change, seconds since it was heard of, host, process, what waits."""
    for one in verdict.followers:
        report = one.report
        seconds, number = ("" if value is None else str(value) for value in (one.silence, report.number))
        waits = describe_waiting(one.waits) if one.standing == "waiting" else ""
        yield report.name, _state_of(one), number, seconds, report.host, str(report.process), waits, *report.problems


def followers_as_json(verdict: FollowersVerdict) -> dict[str, Any]:
    """Return all followers for a program."""
    return {
        "change": verdict.asked.number,
        "alive": len(verdict.alive),
        "in_effect": len(verdict.in_effect),
        "followers": [_follower_as_json(one) for one in verdict.followers],
    }


def _follower_as_json(one: Follower) -> dict[str, Any]:
    report = one.report
    return {
        "name": report.name,
        "state": _state_of(one),
        "change": report.number,
        "heard_of": one.silence,
        "time": report.time,
        "host": report.host,
        "process": report.process,
        "waiting": [
            {
                "path": item.path,
                "kind": item.kind,
                "properties": list(item.properties),
                "actions": list(item.actions),
            }
            for item in report.waiting
        ],
        "problems": list(report.problems),
        "left_out": report.more,
    }
