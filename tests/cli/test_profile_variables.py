"""Profile variables: whatever their values are, each fills its place in one word, and is only text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from confobjects.cli.batch.dialect import DSCONFIG_QUOTES, QUOTES, parse
from confobjects.cli.batch.variables import ProfileVariables, read_variables
from confobjects.errors import UsageError
from confobjects.expressions import ExpressionSyntaxError
from confobjects.expressions import parse as parse_expression
from tests.cli.sessions import fresh, run

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8"), max_size=30)
PLAIN = VALUES.filter(lambda value: not any(opener in value for opener in ("&{", "$<", "${")))


def escaped(text: str) -> str:
    """Return a value as a properties file has it."""
    return "".join(f"\\u{ord(c):04x}" if c in "\\\r\n\f\t" else c for c in text).replace(" ", "\\ ")


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def write(path: Path, values: dict[str, str]) -> Path:
    path.write_text("".join(f"{name}={escaped(value)}\n" for name, value in values.items()), "utf-8", newline="")
    path.chmod(0o600)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(NAMES, PLAIN, min_size=1, max_size=4), quotes=st.sampled_from([QUOTES, DSCONFIG_QUOTES]))
def test_each_value_arrives_as_it_is_in_its_word(values: dict[str, str], quotes: str, tmp_path: Path) -> None:
    read = read_variables(str(write(tmp_path / "profile.properties", values)))
    assert dict(read.values) == values
    text = "".join(f'set-x "a:${{{name}}}" b=${{{name}}}.${{{name}}}, $${{{name}}}\n' for name in values)
    commands = parse(text, quotes).commands
    assert len(commands) == len(values)
    for (name, value), command in zip(values.items(), commands, strict=True):
        filled = [read.fill(word) for word in command.texts]
        assert filled == ["set-x", f"a:{value}", f"b={value}.{value},", f"${{{name}}}"]


@given(VALUES, VALUES)
def test_a_text_without_variables_stays_as_it_is(text: str, value: str) -> None:
    variables = ProfileVariables("x", {"a": value})
    assert variables.fill(text.replace("$", "§")) == text.replace("$", "§")


ODD = st.text("&{}$<>\\ae", max_size=8)


def has_only_text(word: str) -> bool:
    try:
        return parse_expression(word).is_literal
    except ExpressionSyntaxError:
        return False


@given(ODD, ODD, ODD)
def test_a_word_that_is_only_text_stays_so(before: str, value: str, after: str) -> None:
    assume(has_only_text(f"{before}x{after}") and not before.endswith("$") and "${a}" not in before + after)
    with contextlib.suppress(UsageError):
        assert has_only_text(ProfileVariables("x", {"a": value}).fill(f"{before}${{a}}{after}"))


def test_a_secret_of_a_shared_file_is_warned_of_and_never_shown(tmp_path: Path) -> None:
    variables = write(tmp_path / "profile.properties", {"HOST": "mail.example.com", "PASSWORD": "hunter2 canary"})
    batch = tmp_path / "one.batch"
    batch.write_text(
        "create-mail-server --server-name one --set enabled:true --set smtp-server:${HOST} --set auth-username:u "
        "--set auth-password:${PASSWORD}\n"
    )
    batch.chmod(0o600)
    words = ("-F", str(batch), "--profile-variables", str(variables), "-v")
    assert "other users can read it" not in run(*words, "--dry-run").err
    variables.chmod(0o644)
    done = run(*words)
    assert done.status == 0
    assert f"warning: {variables}: this file holds a password, and other users can read it" in done.err
    history = run("history", "show", "1").out
    assert "canary" not in done.out + done.err + history
    assert "canary" in (tmp_path / "config.ldif").read_text()
