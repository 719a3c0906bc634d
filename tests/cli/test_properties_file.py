"""Properties files: Java's syntax, what wins over what, and a place in the file for each mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.words.properties_file import read
from confobjects.errors import UsageError
from tests.cli.sessions import fresh, run

CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
CANARY = "Kanarienvogel-7!x"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with fresh(tmp_path):
        yield tmp_path


def written(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def values(tmp_path: Path, text: str) -> dict[str, object]:
    return read(written(tmp_path / "t.properties", text)).values_besides(())


# -- Java's syntax -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("hostname=h.example.com", "h.example.com"),
        ("hostname = h.example.com", "h.example.com"),
        ("hostname : h.example.com", "h.example.com"),
        ("hostname\th.example.com", "h.example.com"),
        ("   hostname h.example.com  ", "h.example.com"),
        ("HostName=h.example.com\r\n", "h.example.com"),
        ("hostname=h.\\\n    example.\\\n\t com", "h.example.com"),
        ("hostname=h.\\\r\n  example.com", "h.example.com"),
        ("# hostname=a\n  ! hostname=b\n\nhostname=c", "c"),
        ("# no continuation \\\nhostname=c", "c"),
        ("host\\u006eame=\\u0068.example.com", "h.example.com"),
        ("hostname=a\\=b\\:c\\\\", "a=b:c\\"),
        ("\ufeffhostname=h", "h"),
        ("hostname=h\\", "h"),
        ("port=1\rhostname=h", "h"),
        ("hostname=m\\u00fcller.example", "müller.example"),
        ("hostname=müller.example", "müller.example"),
        ("hostname=\\ud83d\\ude00.example", "😀.example"),
    ],
)
def test_the_syntax_is_java_s(tmp_path: Path, text: str, host: str) -> None:
    assert values(tmp_path, text)["hostname"] == host


def test_a_password_keeps_the_blanks_at_its_end_and_all_else_does_not(tmp_path: Path) -> None:
    assert values(tmp_path, "bindPassword=  secret \nbindDN= cn=admin \n") == {
        "bindpassword": "secret ",
        "binddn": "cn=admin",
    }


@pytest.mark.parametrize(
    "text", ["bindPassword\\:env=V", "bindPassword:env=V", "bindPassword:env = V", "confobjects.bindPassword:env=V"]
)
def test_the_forms_of_a_password_are_written_as_the_options_are(tmp_path: Path, text: str) -> None:
    assert values(tmp_path, text) == {"bindpassword_env": "V"}


def test_switches_and_options_that_are_given_several_times(tmp_path: Path) -> None:
    found = values(tmp_path, "useSsl=true\nverbose=FALSE\ndefine=a=1\ndefine=b=2\nno-prompt=true")
    assert found == {"usessl": True, "verbose": False, "define": ("a=1", "b=2"), "no_prompt": True}


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=30))
def test_any_text_is_read_or_refused_with_its_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "t.properties"
    try:
        found = read(written(path, text))
        problems = found.warnings
    except UsageError as error:
        problems = error.diagnostics
    assert all(problem.origin == str(path) and problem.line for problem in problems)


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda t: t.strip()))
def test_an_escaped_value_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    units = text.encode("utf-16-be")
    escaped = "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2))
    path = written(tmp_path_factory.mktemp("escaped") / "t.properties", f"bindPassword={escaped}")
    assert read(path).values_besides(()) == {"bindpassword": text}


# -- what wins ---------------------------------------------------------------------------------------------------------


def test_a_key_of_this_tool_wins_wherever_it_stands(tmp_path: Path) -> None:
    text = "confobjects.hostname=mine\nhostname=all\nldapsearch.hostname=other\nport=1\n"
    assert values(tmp_path, text) == {"hostname": "mine", "port": "1"}


def test_a_key_of_this_tool_displaces_what_it_excludes(tmp_path: Path) -> None:
    assert values(tmp_path, "url=ldif:x\nconfobjects.hostname=mine") == {"hostname": "mine"}


def test_an_option_displaces_its_value_and_what_it_excludes(tmp_path: Path) -> None:
    path = written(tmp_path / "t.properties", "hostname=h\nport=1\nuseSsl=true\nbindPassword=x\ntrustAll=true")
    found = read(path)
    assert set(found.values_besides({"hostname"})) == {"port", "usessl", "bindpassword", "trustall"}
    assert set(found.values_besides({"url"})) == {"bindpassword", "trustall"}
    assert set(found.values_besides({"bindpassword_file", "usestarttls", "truststorepath"})) == {"hostname", "port"}


def test_the_file_in_the_home_directory_is_read(home: Path) -> None:
    other = home / "other.ldif"
    written(home / ".confobjects" / "tools.properties", f"url=ldif:{other}\nscript-friendly=true\n")
    assert run(*CREATE).status == 0
    assert other.exists()
    assert run("list-mail-servers").out == "one\n"
    assert run("list-mail-servers", "--noPropertiesFile").err.startswith("There are no Mail Servers.\n")
    # The option wins over the file, the file over the environment.
    assert run("list-mail-servers", "--url", f"ldif:{home / 'config.ldif'}").out == ""


def test_the_file_that_is_named_stands_in_for_the_one_at_home(home: Path) -> None:
    written(home / ".confobjects" / "tools.properties", "output=nonsense")
    assert run("list-mail-servers").status == 2
    path = written(home / "mine.properties", "output=json\n")
    assert json.loads(run("list-mail-servers", "--propertiesFilePath", path).out)["items"] == []
    assert run("list-mail-servers", f"--propertiesfilepath={path}", "--output", "tsv").out == ""


def test_errors_have_the_form_that_the_file_asks_for(home: Path) -> None:
    written(home / ".confobjects" / "tools.properties", "output=json")
    done = run("get-mail-server-prop", "--server-name", "none")
    assert (done.status, json.loads(done.err)["error"]["code"]) == (12, "no-such-object")


def test_definitions_come_from_the_file_too(home: Path) -> None:
    from tests.cli.sessions import FAMILY

    written(home / ".confobjects" / "tools.properties", f"definitions={FAMILY}")
    assert run("list-properties", "--category", "queue").status == 0
    assert run("list-properties", "--category", "queue", "--noPropertiesFile").status == 2


def test_a_password_of_the_file_is_never_shown(home: Path) -> None:
    text = f"bindDN=cn=admin\nbindPassword={CANARY}\nport=0\nhostname=127.0.0.1\n"
    path = written(home / "mine.properties", text)
    for lines in (text, text.replace("port=0", "port=9"), text.replace(f"={CANARY}", f"=\\u12{CANARY}")):
        written(Path(path), lines)
        done = run("list-mail-servers", "--propertiesFilePath", path, "--debug")
        assert done.status in {2, 20}
        assert CANARY not in done.out + done.err


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_every_mistake_comes_with_its_line_and_a_caret(home: Path) -> None:
    path = written(
        home / "t.properties",
        "hostname=h\n"
        " port : 99999\n"
        "bindPassword=a\\u12zz\n"
        "trustAll=maybe\n"
        "connectTimeout\n"
        "output=\\\n  xml\n"
        "define=token\n"
        "url=ldif:x\n",
    )
    done = run("list-mail-servers", "--propertiesFilePath", path)
    assert done.status == 2
    end = "  remedy: --noPropertiesFile runs without it\n"
    assert done.err == (
        f"error: {path}:2:9: port takes a whole number from 1 to 65535\n   port : 99999\n          ^^^^^\n{end}"
        f"error: {path}:3:15: \\u takes four hexadecimal digits; a backslash itself is written \\\\\n"
        f"  bindPassword=********\n               ^^^^^^^^\n{end}"
        f"error: {path}:4:10: trustAll takes true or false\n  trustAll=maybe\n           ^^^^^\n{end}"
        f"error: {path}:5:1: connectTimeout has no value\n  connectTimeout\n  ^^^^^^^^^^^^^^\n{end}"
        f"error: {path}:7:3: output takes one of table, json, tsv\n    xml\n    ^^^\n{end}"
        f"error: {path}:8:8: define takes TOKEN=VALUE\n  define=********\n         ^^^^^^^^\n{end}"
        f"error: {path}: --url and --hostname exclude each other: each says where the configuration is\n"
        "  remedy: --noPropertiesFile runs without one\n"
    )


def test_unknown_keys_are_warned_about_with_the_nearest(home: Path) -> None:
    path = written(
        home / "t.properties",
        f"hostnam=h\nbindPasword={CANARY}\nconfobject.port=1\ncolour=red\nhelp=true\nquiet=false\nquiet=false\n",
    )
    done = run("list-mail-servers", "--propertiesFilePath", path)
    assert done.status == 0
    assert done.err.partition("There are")[0] == (
        f'warning: {path}:1:1: there is no option "hostnam"\n'
        '  hostnam\n  ^^^^^^^\n  remedy: did you mean "hostname"?\n'
        f'warning: {path}:2:1: there is no option "bindPasword"\n'
        '  bindPasword\n  ^^^^^^^^^^^\n  remedy: did you mean "bindPassword"?\n'
        f'warning: {path}:3:1: "confobject.port" belongs to no known tool\n'
        '  confobject.port\n  ^^^^^^^^^^^^^^^\n  remedy: did you mean "confobjects.port"?\n'
        f'warning: {path}:4:1: there is no option "colour"\n  colour\n  ^^^^^^\n  remedy: did you mean "color"?\n'
        f"warning: {path}:5:1: help has no effect in a properties file\n  help\n  ^^^^\n"
        f"warning: {path}:7:1: quiet is given twice: this value is used, and not the earlier one\n  quiet\n  ^^^^^\n"
    )


def test_a_word_alone_is_not_repeated(home: Path) -> None:
    """It may be the second half of a password whose line was broken in two."""
    path = written(home / "t.properties", f"bindPassword=x\n{CANARY.replace(' ', '')}\n")
    done = run("list-mail-servers", "--propertiesFilePath", path)
    assert done.err.partition("There are")[0] == (
        f"warning: {path}:2:1: the line is not an option with a value; it is not repeated here\n"
        "  ********\n  ^^^^^^^^\n  remedy: a value that continues in the next line ends with a backslash\n"
    )


def test_a_password_that_others_may_read_is_warned_about(home: Path) -> None:
    path = written(home / "t.properties", f"bindPassword={CANARY}\n")
    assert run("list-mail-servers", "-Q", "--propertiesFilePath", path).err == ""
    Path(path).chmod(0o644)
    done = run("list-mail-servers", "--propertiesFilePath", path)
    assert f"warning: {path}: this file holds a password, and other users can read it\n" in done.err
    assert f"  remedy: chmod 600 {path}\n" in done.err
    path = str(Path(path).rename(home / "my own.properties"))
    assert f"  remedy: chmod 600 '{path}'\n" in run("list-mail-servers", "--propertiesFilePath", path).err


def test_a_file_that_cannot_be_read_is_said(home: Path) -> None:
    missing = home / "missing.properties"
    done = run("list-mail-servers", "--propertiesFilePath", str(missing))
    assert (done.status, done.err) == (
        2,
        f"error: {missing}: the properties file cannot be read: no such file or directory\n"
        "  remedy: --noPropertiesFile runs without one\n",
    )
    missing.write_bytes(b"hostname=h\nport=\xff\n")
    done = run("list-mail-servers", "--propertiesFilePath", str(missing))
    assert (done.status, done.err.splitlines()[0]) == (
        2,
        f"error: {missing}:2:6: the properties file is not UTF-8 text",
    )
    (home / ".confobjects" / "tools.properties").mkdir(parents=True)
    assert "is a directory" in run("list-mail-servers").err
    assert run("list-mail-servers", "--noPropertiesFile").status == 0
