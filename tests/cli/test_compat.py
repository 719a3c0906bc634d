"""The manner of dsconfig, without one of its servers: how it is chosen, and which options are accepted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.compat.defaults import DsconfigDefaults
from confobjects.cli.compat.tables import format_table, wrap_text
from confobjects.cli.words.options import OPTIONS
from tests.cli.sessions import fresh, run
from tests.docs_check import ROOT

CREATE = ("create-mail-server", "--server-name", "one, two", "--set", "enabled:true", "--set", "smtp-server:h:25", "-Q")
OF_DSCONFIG = """
    --batch --displayCommand --commandFilePath=X --connectTimeout=1000 --advanced -h=X --hostname=X -p=1 --port=1 -D=X --bindDN=X
    -w=X --bindPassword=X -j=X --bindPasswordFile=X -o=X --saslOption=X -X --trustAll -P=X --trustStorePath=X -T=X
    --trustStorePassword=X -U=X --trustStorePasswordFile=X -K=X --keyStorePath=X -W=X --keyStorePassword=X -u=X
    --keyStorePasswordFile=X -N=X --certNickname=X -E --reportAuthzID --usePasswordPolicyControl -v --verbose -Q --quiet -s
    --script-friendly -n --no-prompt -F=X --batchFilePath=X --propertiesFilePath=X --noPropertiesFile -V --version -? -H --help
"""
"""Every global option of dsconfig, with a value where it takes one."""


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        assert run(*CREATE).status == 0
        yield


def process(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, env=environ)


def test_every_global_option_of_dsconfig_is_one_here() -> None:
    known = {
        spelling.lower() if spelling[:2] == "--" else spelling: option
        for option in OPTIONS
        for spelling in option.spellings
    }
    for word in OF_DSCONFIG.split():
        name, equals, _ = word.partition("=")
        option = known[name.lower() if name[:2] == "--" else name]
        assert (option.value is not None) == bool(equals), name


def test_the_manner_is_chosen_by_option_variable_or_the_name_of_the_program(tmp_path: Path) -> None:
    here = run("list-mail-servers", "-s", "--property", "enabled")
    there = run("list-mail-servers", "-s", "--property", "enabled", "--compat", "dsconfig")
    assert (here.out, there.out) == ("one, two\ttrue\n", "one, two\n")
    link = tmp_path / "dsconfig"
    link.write_text(f"#!{sys.executable}\nimport sys\nfrom confobjects.cli.main import process\nsys.exit(process())\n")
    link.chmod(0o755)
    other = tmp_path / "other"
    other.symlink_to(link)
    words = ("list-mail-servers", "-s", "--property", "enabled")
    assert process(str(link), *words).stdout == there.out
    assert process(str(other), *words).stdout == here.out
    assert process(str(other), *words, CONFOBJECTS_COMPAT="dsconfig").stdout == there.out
    assert process(str(link), "nothing").returncode == 18


def test_a_variable_of_another_manner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_COMPAT", "opends")
    refused = run("list-mail-servers")
    assert (refused.status, refused.err) == (2, 'error: CONFOBJECTS_COMPAT takes dsconfig, not "opends"\n')
    assert run("list-mail-servers", "--compat", "dsconfig").status == 0


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_COMPAT", "")
    assert run("list-mail-servers", "-s", "--property", "enabled").out == "one, two\ttrue\n"


def test_the_options_file_is_that_of_dsconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".opendj").mkdir()
    (tmp_path / ".opendj" / "tools.properties").write_text("dsconfig.script-friendly=true\nconfobjects.quiet=perhaps\n")
    assert run("list-mail-servers", "--compat", "dsconfig").out == "one, two\n"
    assert run("list-mail-servers", "--compat", "dsconfig", "--noPropertiesFile").out.startswith("Mail Server : Type")
    assert run("list-mail-servers").out.startswith("Mail Server : Type")


def test_nothing_is_asked_of_the_administration_port_if_the_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = DsconfigDefaults({}, {})
    port = {"hostname": "localhost", "port": "4444", "usessl": True, "binddn": "cn=Directory Manager"}
    compat = {"compat": "dsconfig"}
    assert defaults.values_besides(()) == compat  # CONFOBJECTS_URL names a file
    assert defaults.values_besides({"port"}) == compat | {name: value for name, value in port.items() if name != "port"}
    monkeypatch.delenv("CONFOBJECTS_URL")
    assert defaults.values_besides(()) == port | compat
    for place in ("url", "offline", "configfile"):
        assert defaults.values_besides({place}) == compat
    named = defaults.values_besides({"hostname", "binddn", "usestarttls"})
    assert named == {"port": "4444", "compat": "dsconfig"}


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5), st.booleans())
def test_a_table_has_its_columns_in_every_line(rows: list[tuple[str, str]], wraps: bool) -> None:
    lines = format_table(("One", "Two"), rows, wraps=wraps).split("\n")
    assert len(lines) >= 2 + len(rows)
    at = lines[1].index(":")
    assert all(line[at] == ":" and line.isprintable() for line in lines)
    assert not wraps or all(len(line) <= 79 for line in lines if at < 60)


@given(TEXTS, st.integers(1, 30))
def test_a_wrapped_text_loses_only_blanks(text: str, room: int) -> None:
    lines = wrap_text(text, room)
    assert all(len(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
