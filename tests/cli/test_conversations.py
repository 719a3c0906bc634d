"""Interactive mode from the first answer to the last, in this process: what is planned, what is done, what is offered.

Law: the commands that are shown as the equivalent of a conversation, run on the configuration as it was before, make
what the conversation made. ``tests/cli/test_interactive.py`` plays on a terminal what needs one.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli.main import main
from tests.cli.sessions import FAMILY, Outcome, definitions_read_once, fresh, run

MADE = (
    "create-store --store-name one --set enabled:true --set location:/srv/one",
    "create-store --store-name off --set enabled:false --set location:/srv/off",
    "create-queue --queue-name jobs -t disk --set enabled:true --set store:one",
    "create-queue --queue-name guard -t custom-memory --set enabled:true --set watch:jobs --set priority:-3",
    "create-consumer --queue-name jobs --channel mail",
)
DEFINITIONS = ("--definitions", str(FAMILY))


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module", autouse=True)
def _definitions() -> Iterator[None]:
    with definitions_read_once():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("depot")
    with fresh(folder):
        for line in MADE:
            assert run(*shlex.split(line), *DEFINITIONS).status == 0
    return folder


@pytest.fixture(autouse=True)
def file(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TERM", "dumb")
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    with fresh(tmp_path):
        yield tmp_path / "config.ldif"


def converse(answers: str, *options: str) -> Outcome:
    """Give some answers, a bar between blanks between two of them, and then leave; return what was shown."""
    out, err, before = Screen(), Screen(), sys.stdin
    sys.stdin = Screen("".join(f"{answer.strip()}\n" for answer in answers.split(" | ")))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*options, *DEFINITIONS])
    finally:
        sys.stdin = before
    return Outcome(status, out.getvalue(), err.getvalue())


def planned(shown: str) -> list[str]:
    """Return the lines of the last plan that was shown."""
    *_, last = shown.split("The plan:\n")
    body = last.partition("Do it?")[0] if "The plan:\n" in shown else ""
    return [line[2:] for line in body.splitlines() if line.startswith("  ")]


def commands(done: Outcome) -> list[list[str]]:
    """Return the words of the commands that were offered as the equivalent of what was done."""
    text = re.sub(r"\\\n\s*", "", done.err)
    return [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("confobjects ")]


def same(before: Path) -> bool:
    """Whether a file says the same as the configuration."""
    done = run("diff", f"ldif:{before}", *DEFINITIONS)
    return (done.status, done.out) == (0, "")


DONE: list[tuple[str, list[str], list[str]]] = [
    (
        "queue | view | guard | priority | change | 5 | f |  | q",
        ["would modify /queue/guard", "  priority: -3 -> 5"],
        ["set-queue-prop --queue-name guard --set priority:5"],
    ),
    (
        "queue | view | guard | priority | reset | f | yes | q",
        ["would modify /queue/guard", "  priority: -3 -> -"],
        ["set-queue-prop --queue-name guard --reset priority"],
    ),
    (
        "queue | view | guard | watch | add | guard | f | y | q",
        ["would modify /queue/guard", "  watch: jobs -> jobs, guard"],
        ["set-queue-prop --queue-name guard --add watch:guard"],
    ),
    (
        "queue | view | guard | watch | remove | 1 | f |  | q",
        ["would modify /queue/guard", "  watch: jobs -> -"],
        ["set-queue-prop --queue-name guard --reset watch"],
    ),
    (
        "queue | view | guard | watch | change | guard | f |  | q",
        ["would modify /queue/guard", "  watch: jobs -> guard"],
        ["set-queue-prop --queue-name guard --set watch:guard"],
    ),
    (
        "queue | view | jobs | checksum | remove | 2 | f |  | q",
        ["would modify /queue/jobs", "  checksum: - -> crc32"],
        ["set-queue-prop --queue-name jobs --set checksum:crc32"],
    ),
    (
        "queue | view | jobs | priority | change | &{rank|4} | f |  | q",
        ["would modify /queue/jobs", "  priority: - -> &{rank|4}"],
        ["set-queue-prop --queue-name jobs --set 'priority:&{rank|4}'"],
    ),
    (
        "queue | view | jobs | store | change | off | yes | f |  | q",
        [
            "would modify /store/off",
            "  enabled: false -> true",
            "would modify /queue/jobs",
            "  store: one -> off",
        ],
        ["set-store-prop --store-name off --set enabled:true", "set-queue-prop --queue-name jobs --set store:off"],
    ),
    (
        "queue | view | jobs | store | change | create | new one | true | /srv/new | f | f |  | q",
        [
            "would create /store/new one",
            "  enabled: - -> true",
            "  location: - -> /srv/new",
            "would modify /queue/jobs",
            "  store: one -> new one",
        ],
        [
            "create-store --store-name 'new one' --set enabled:true --set location:/srv/new",
            "set-queue-prop --queue-name jobs --set 'store:new one'",
        ],
    ),
    (
        "consumer | create | jobs | print | f | yes | q",
        [
            "would create /queue/jobs/consumer/print",
            "  channel: - -> print",
            "would create /queue/jobs/consumer/print/retry-rule/at once",
            "  pause: - -> 0 s",
            "would create /queue/jobs/consumer/print/retry-rule/later",
        ],
        ["create-consumer --queue-name jobs --channel print"],
    ),
    (
        "retry rule | create | jobs | mail | generic | never | pause | 2 | 7 s | f |  | q",
        ["would create /queue/jobs/consumer/mail/retry-rule/never", "  pause: - -> 7 s"],
        ["create-retry-rule --queue-name jobs --channel mail --rule-name never --type generic --set 'pause:7 s'"],
    ),
    (
        "store | delete | off | y | q",
        ["would delete /store/off", "  enabled: false -> -", "  location: /srv/off -> -"],
        ["delete-store --store-name off"],
    ),
    (
        "queue | rename | jobs | work | y | q",
        ["would rename /queue/jobs to /queue/work", "would modify /queue/guard", "  watch: jobs -> work"],
        ["rename queue --queue-name jobs --to work"],
    ),
    (
        "depot codec | create | gzip | level | 2 | 9 | f |  | q",
        ["would create /depot-codec/gzip", "  level: - -> 9"],
        ["create-depot-codec --codec-type gzip --set level:9"],
    ),
    (
        "depot settings | batch | 2 | 60 | f |  | q",
        ["would modify /depot-settings", "  batch-size: - -> 60"],
        ["set-depot-settings-prop --set batch-size:60"],
    ),
]


@pytest.mark.parametrize(("answers", "plan", "equivalent"), DONE, ids=[case[0] for case in DONE])
def test_what_a_conversation_plans_does_and_would_be_as_commands(
    answers: str, plan: list[str], equivalent: list[str], file: Path, tmp_path: Path
) -> None:
    before = tmp_path / "before.ldif"
    shutil.copy(file, before)
    done = converse(answers)
    assert done.status == 0
    assert planned(done.out) == plan
    found = commands(done)
    assert all("--no-prompt" in words for words in found)
    assert [[word for word in words if word != "--no-prompt"] for words in found] == [
        shlex.split(line) for line in equivalent
    ]
    assert before.read_bytes() != file.read_bytes()
    batch = tmp_path / "equivalent.batch"
    batch.write_text("\n".join(map(shlex.join, found)))
    assert run("-F", str(batch), "--url", f"ldif:{before}", *DEFINITIONS).status == 0
    assert same(before)


@pytest.mark.parametrize(("answers", "plan", "equivalent"), DONE[::3], ids=[case[0] for case in DONE[::3]])
def test_a_dry_run_plans_the_same_and_does_nothing(
    answers: str, plan: list[str], equivalent: list[str], file: Path
) -> None:
    before = file.read_bytes()
    done = converse(answers, "--dry-run")
    assert planned(done.out.replace("This is a dry run", "Do it?")) == plan
    assert commands(done) == []
    assert file.read_bytes() == before
    assert equivalent


NOT_DONE = {
    "no is an answer": ("queue | view | guard | priority | change | 5 | f | no | c | b | q", "were not applied"),
    "an edit that is cancelled": ("queue | view | guard | priority | change | 5 | c | b | q", "were not applied"),
    "an edit that is left": ("queue | view | guard | priority | change | 5 | q", "were not applied"),
    "the end of the input": ("queue | view | guard | priority | change | 5", "were not applied"),
    "a creation that is left": ("store | create | three | true | /x | q", "were not applied"),
    "nothing changed": ("queue | view | guard | f | b | q", "There is nothing to change."),
    "there and back": (
        "queue | view | guard | priority | change | 5 | priority | revert | f | q",
        "There is nothing to change.",
    ),
    "kept as it is": ("queue | view | guard | priority | keep | f | q", "There is nothing to change."),
    "a name that is taken": ("store | create | ONE |  | q", 'error: there is a Store "ONE" already'),
    "no name at all": ("store | create |  | q", "Store menu"),
    "a name that is none": ("consumer | create | jobs | two words |  | q", "is not allowed in the name"),
    "a value that is none": ("queue | view | guard | priority | change | 11 |  | c | q", "11 is too large"),
    "a value that is there": ("queue | view | guard | watch | add | jobs |  b | c | q", '"jobs" is there already'),
    "a number that is none": ("queue | view | guard | watch | remove | 7 | b | c | q", "not numbers of values"),
    "an entry that is none": ("queue | fly | b | q", '"fly" is not one of the choices.'),
    "an object in use": ("store | delete | one | b | q", "cannot be deleted: /queue/jobs uses it (store)"),
    "a deletion by Enter": ("store | delete | off |  | b | q", "would delete /store/off"),
    "a new name that is taken": ("queue | rename | jobs | guard | b | q", 'there is a Queue "guard" already'),
    "a new name that is none": ("queue | rename | jobs |  | b | q", "Queue menu"),
    "objects that are not there": ("gateway | view | b | q", "There are no Gateways."),
    "a list that is empty": ("gateway | list | b | q", "There are no Gateways."),
    "a limit of somebody else": ("depot settings | batch | 2 | 450 | f | c | q", "450 is too large"),
    "a disabled store that stays so": (
        "queue | view | jobs | store | change | off | no | f | c | b | q",
        'store names "off", which is disabled',
    ),
    "values that exclude each other": (
        "queue | view | jobs | checksum | add | none | f | c | b | q",
        "checking nothing excludes other checks",
    ),
    "another try": (
        "queue | view | guard | priority | change | 10 | time | change | unlimited | f | c | b | q",
        "an urgent queue does not keep jobs for ever",
    ),
}


@pytest.mark.parametrize(("answers", "said"), list(NOT_DONE.values()), ids=list(NOT_DONE))
def test_what_is_not_carried_out_writes_nothing_and_says_why(answers: str, said: str, file: Path) -> None:
    before = file.read_bytes()
    done = converse(answers)
    assert (done.status, commands(done)) == (0, [])
    assert " ".join(said.split()) in " ".join(done.out.split())  # a long line is folded
    assert "Goodbye." in done.out
    assert file.read_bytes() == before


def test_what_was_refused_can_be_mended_and_done() -> None:
    done = converse(
        "queue | view | guard | priority | change | 10 | time | change | unlimited | f | priority | 4 | f |  | q"
    )
    assert "an urgent queue does not keep jobs for ever" in done.out
    assert planned(done.out) == ["would modify /queue/guard", "  time-to-live: - -> unlimited"]
    assert [words[:1] for words in commands(done)] == [["set-queue-prop"]]


def test_the_command_is_shown_before_it_is_carried_out(file: Path) -> None:
    before = file.read_bytes()
    done = converse("queue | view | guard | priority | change | 5 | d | c | b | q")
    assert "confobjects set-queue-prop --queue-name guard --set priority:5 --no-prompt" in done.out
    assert file.read_bytes() == before


def test_all_values_are_removed_at_once() -> None:
    done = converse("queue | view | guard | watch | add | guard | watch | remove | a | f |  | q")
    assert planned(done.out) == ["would modify /queue/guard", "  watch: jobs -> -"]


def test_several_conversations_are_several_changes_of_the_history() -> None:
    done = converse(
        "queue | view | guard | priority | change | 5 | f |  | view | guard | priority | change | 6 | f |  | q"
    )
    assert done.status == 0
    rows = run("history", "-s", "--limit", "2", *DEFINITIONS).out.splitlines()
    assert [row.split("\t")[-1] for row in rows] == [
        "set-queue-prop --queue-name guard --set priority:5",
        "set-queue-prop --queue-name guard --set priority:6",
    ]


def test_the_commands_of_a_conversation_are_kept_in_a_file(file: Path, tmp_path: Path) -> None:
    record, before = tmp_path / "record", tmp_path / "before.ldif"
    shutil.copy(file, before)
    answers = (
        "queue | view | guard | priority | change | 5 | f |  | delete | guard | y | b | store | delete | off | y | q"
    )
    assert converse(answers, "--commandFilePath", str(record)).status == 0
    assert record.read_text().count("# Operation ") == 3
    assert run("-F", str(record), "--url", f"ldif:{before}", *DEFINITIONS).status == 0
    assert same(before)


def test_the_objects_of_a_kind_are_listed_as_the_command_lists_them() -> None:
    done = converse("queue | list | b | q")
    assert run("list-queues", *DEFINITIONS).out in done.out


def test_advanced_kinds_and_properties_come_and_go() -> None:
    done = converse("a | a | q")
    menus = done.out.split(">>>> Main menu")[1:]
    assert "show advanced" in menus[0]
    assert menus[0].partition("Choice")[0] == menus[2].partition("Choice")[0]
    assert menus[0] != menus[1]
