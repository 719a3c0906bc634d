"""Numbers on the command line: whatever is typed in their place, the answer is a usage error that says the range."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from confobjects.cli.commands import SPECIAL, resolve
from confobjects.cli.words.numbers import FORMS, NumberRange, NumberType
from confobjects.cli.words.options import OPTIONS
from confobjects.cli.words.splitting import take_apart
from confobjects.definitions_loading import load_registry
from tests.cli.sessions import fresh, run
from tests.conftest import ROOT

WRONG: Final = ("-1", "x", "", " ", "nan", "inf", "1e3", "0x10", "²", "1_0", "+1", "9" * 5000, str(10**18))
EDGES: Final = ("0", str(10**9), str(10**12))
METAVARS: Final = {"COUNT", "NUMBER", "[NUMBER]", *FORMS}
DIRECTORY: Final = ["list-mail-servers", "--hostname", "127.0.0.1", "--baseDN", "cn=x"]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Yield each parameter of each command, global options left out."""
    registry = load_registry()
    shared = {option.name for option in OPTIONS}
    for name in SPECIAL:
        command = resolve(take_apart([name]), registry)
        yield from ((name, one) for one in command.params if one.name not in shared)


def numbers() -> Iterator[tuple[list[str], NumberRange]]:
    """Yield how each number is typed, up to the number, and its range."""
    for name, one in parameters():
        if isinstance(one.type, NumberType):
            words = [name, f"{one.opts[0]}="] if isinstance(one, click.Option) else [name, ""]
            if name == "history" and not isinstance(one, click.Option):
                words.insert(1, "show")
            yield words, one.type.range
    for option in OPTIONS:
        if option.value is not None and option.value in FORMS:
            command = ["set-mail-service-prop"] if option.name == "wait" else DIRECTORY
            yield [*command, f"{option.spellings[-1]}="], FORMS[option.value]


NUMBERS: Final = list(numbers())


def test_every_number_of_the_command_line_is_one_of_those() -> None:
    """No option has a range of its own, and no option with the metavar of a number takes a text."""
    typed = {words[0] for words, _ in NUMBERS}
    assert {"run-mail-service", "mail-queue", "history", "undo", "watch", "authorize-oauth2-provider"} <= typed
    assert len(NUMBERS) == len({" ".join(words) for words, _ in NUMBERS}) >= 12
    assert [
        (name, one.name)
        for name, one in parameters()
        if (one.metavar in METAVARS) != isinstance(one.type, NumberType) and one.name != "at"
    ] == []
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "cli").rglob("*.py")]
    assert not [
        one for one in sources if re.search(r"IntRange|FloatRange|type=(?:int|float|click\.INT|click\.FLOAT)", one)
    ]


@pytest.mark.parametrize("given", [*WRONG, *EDGES], ids=lambda text: text[:20] or "empty")
@pytest.mark.parametrize(
    ("words", "allowed"), NUMBERS, ids=lambda value: "".join(value) if isinstance(value, list) else ""
)
def test_what_is_out_of_range_is_a_usage_error_that_says_the_range(
    words: list[str], allowed: NumberRange, given: str
) -> None:
    if allowed.read(given) is not None:
        assert allowed.least <= float(given) <= allowed.most
        return
    *before, last = words
    typed = [*before, *(["--", given] if not last and given.startswith("-") else [f"{last}{given}"])]
    done = run(*typed, "-n") if "--" not in typed else run("-n", *typed)
    assert (done.status, done.out) == (2, "")
    assert allowed.refusal() in done.err
    assert "Traceback" not in done.err
    assert "internal error" not in done.err


def test_the_ends_of_a_range_belong_to_it() -> None:
    for _, allowed in NUMBERS:
        assert (allowed.read(str(allowed.least)), allowed.read(str(allowed.most))) == (allowed.least, allowed.most)
        assert allowed.read(str(allowed.most + 1)) is None
        assert allowed.read(f"{allowed.least}.5") == (allowed.least + 0.5 if allowed.decimals else None)


@pytest.mark.parametrize("runners", ["1", "64"])
def test_as_many_runners_as_are_allowed_start(runners: str) -> None:
    done = run("run-mail-service", "--runners", runners, "--dry-run")
    assert (done.status, f" {runners} runners;" in done.out) == (0, True)


def test_the_longest_wait_for_a_configuration_can_be_waited_for(tmp_path: Path) -> None:
    """A number of seconds that the system cannot wait for would end in a traceback."""
    words = ["watch", "--timeout", "31536000", "--count", "1", "--url", f"ldif:{tmp_path}/there-is-none/config.ldif"]
    with subprocess.Popen(
        [sys.executable, "-m", "confobjects.cli", *words], stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(2)
        finally:
            program.terminate()
            assert program.stderr is not None
            told = program.stderr.read()
    assert "Traceback" not in told
