"""Values as they are typed: ``PROPERTY:VALUE``, from a file, from a variable; what is taken, doubted and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, fresh, run

SET = ["set-mail-server-prop", "--server-name", "one"]
CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
CANARY = "Kanarienvogel-4!x"


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Iterator[Path]:
    with fresh(tmp_path):
        assert run(*CREATE).status == 0
        yield tmp_path / "config.ldif"


def change(*words: str) -> Outcome:
    return run(*SET, *words)


def values(prop: str) -> list[str]:
    """Return what is stored for a property, as programs get it."""
    done = run("get-mail-server-prop", "--server-name", "one", "--advanced", "--property", prop, "--output", "json")
    found = json.loads(done.out)["properties"][prop]
    return found["values"] if found["origin"] == "stored" else []


# -- what is taken -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "prop", "stored"),
    [
        (["--set", "auth-username:joe"], "auth-username", ["joe"]),
        (["--set", "AUTH-username:joe"], "auth-username", ["joe"]),
        (["--set=auth-username:joe"], "auth-username", ["joe"]),
        (["--set", "auth-username:a:b=c d"], "auth-username", ["a:b=c d"]),
        (["--set", "auth-username::"], "auth-username", [":"]),
        (["--set", "auth-username: joe "], "auth-username", [" joe "]),
        (["--set", "smtp-server:[::1]:25"], "smtp-server", ["[::1]:25"]),
        (["--set", "enabled:FALSE"], "enabled", [False]),
        (
            ["--set", "smtp-property:mail.smtp.timeout=1", "--set", "smtp-property:mail.smtp.localhost=x"],
            "smtp-property",
            ["mail.smtp.timeout=1", "mail.smtp.localhost=x"],
        ),
        (
            ["--add", "smtp-property:mail.smtp.timeout=1", "--add", "SMTP-Property:mail.smtp.localhost=x"],
            "smtp-property",
            ["mail.smtp.timeout=1", "mail.smtp.localhost=x"],
        ),
        (["--reset", "auth-username", "--set", "auth-username:ann"], "auth-username", ["ann"]),
        (["--reset", "Auth-Username"], "auth-username", []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value and str(value[0])[:2] == "--" else "",
)
def test_what_is_typed_is_stored(typed: list[str], prop: str, stored: list[object]) -> None:
    done = change(*typed)
    assert done.status == 0, done.err
    assert values(prop) == stored


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        (b"joe", "joe"),
        (b"joe\n", "joe"),
        (b"joe\r\n", "joe"),
        ("jö".encode(), "jö"),
    ],
)
def test_a_file_gives_its_text_without_the_end_of_the_line(data: bytes, stored: str, tmp_path: Path) -> None:
    path = tmp_path / "value: of it"
    path.write_bytes(data)
    assert change("--set-file", f"Auth-Username:{path}").status == 0
    assert values("auth-username") == [stored]


def test_values_of_all_kinds_come_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALHOST", "mail.smtp.localhost=x")
    (tmp_path / "timeout").write_text("mail.smtp.timeout=1\n")
    done = change(
        *("--set-env", "smtp-property:LOCALHOST"),
        *("--set", "smtp-property:mail.smtp.mailextension=x"),
        *("--set-file", f"smtp-property:{tmp_path}/timeout"),
        "--no-test",
    )
    assert (done.status, done.err) == (0, "")
    assert values("smtp-property") == ["mail.smtp.mailextension=x", "mail.smtp.timeout=1", "mail.smtp.localhost=x"]


def test_a_secret_from_a_file_or_a_variable_is_no_matter_for_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PIN", CANARY)
    (tmp_path / "pin").write_text(f"{CANARY}-2\n")
    assert change("--set", "auth-username:joe", "--set-env", "auth-password:MAIL_PIN", "--no-test") == (0, "", "")
    assert change("--set-file", f"auth-password:{tmp_path}/pin", "--no-test") == (0, "", "")


# -- what is doubted ---------------------------------------------------------------------------------------------------

ON_THE_LINE = (
    "warning: the value of auth-password is on the command line, where other users and the shell's history can see it; "
    "--set-prompt auth-password, --set-file or --set-env keep it out\n"
)


@pytest.mark.parametrize("typed", [f"auth-password:{CANARY}", f"Auth-Password:{CANARY}"])
def test_a_secret_on_the_line_is_doubted(typed: str) -> None:
    assert change("--set", "auth-username:joe", "--set", typed, "--no-test") == (0, "", ON_THE_LINE)
    assert change("--set", typed, "-Q") == (0, "", "")


@pytest.mark.parametrize("typed", ["auth-password:&{mail.pin}", "auth-password:$<file:pin>"])
def test_an_expression_is_no_secret(typed: str) -> None:
    done = change("--set", "auth-username:joe", "--set", typed)
    assert done.status == 0
    assert "is on the command line" not in done.err


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("auth-username:mail$", "auth-username"),
        ("auth-username:mail&", "auth-username"),
        ("Auth-Username:mail:", "Auth-Username"),
        ("smtp-property:mail.user=$", "smtp-property"),
    ],
)
def test_what_a_shell_has_left_of_an_expression_is_doubted(typed: str, name: str) -> None:
    done = change("--set", typed)
    assert done.err.startswith(
        f"warning: the value of {name} ends like an expression that the shell has expanded; quote it: '{name}:&{{…}}'\n"
    )


@pytest.mark.parametrize(
    "typed", ["auth-username:a&b", "auth-username:a$b", "auth-username:a:b", "auth-username:&{x}&"]
)
def test_other_signs_in_a_value_are_not_doubted(typed: str) -> None:
    assert "shell" not in change("--set", typed).err


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED = [
    (["--set", "use-ssl"], '--set takes PROPERTY:VALUE, but "use-ssl" has no colon\n'),
    (["--set", "nonsense"], "--set takes PROPERTY:VALUE, but the text after it has no colon\n"),
    (["--set", "use-ssl=true"], "--set takes PROPERTY:VALUE\n  remedy: did you mean use-ssl:true?\n"),
    (["--set", f"auth-password={CANARY}"], "--set takes PROPERTY:VALUE\n  remedy: did you mean auth-password:…?\n"),
    (["--set", f"nonsense={CANARY}"], "--set takes PROPERTY:VALUE\n  remedy: did you mean nonsense:…?\n"),
    (["--set", f":{CANARY}"], "--set takes PROPERTY:VALUE, but the property is missing\n"),
    (["--set", "use-ssl:"], "use-ssl: the value of use-ssl is empty\n  remedy: --reset use-ssl\n"),
    (["--add", "use-ssl"], '--add takes PROPERTY:VALUE, but "use-ssl" has no colon\n'),
    (["--remove", "use-ssl:"], "use-ssl: the value of use-ssl is empty\n  remedy: --reset use-ssl\n"),
    (["--reset", "use-ssl:x"], '--reset takes the name of a property, not "use-ssl:…"\n  remedy: --reset use-ssl\n'),
    (
        ["--set-prompt", f"auth-password:{CANARY}"],
        '--set-prompt takes the name of a property, not "auth-password:…"\n  remedy: --set-prompt auth-password\n',
    ),
    (["--set-file", "use-ssl"], "--set-file takes PROPERTY:PATH\n  remedy: --set-file use-ssl:PATH\n"),
    (["--set-file", "use-ssl:"], "--set-file takes PROPERTY:PATH\n  remedy: --set-file use-ssl:PATH\n"),
    (["--set-file", ""], "--set-file takes PROPERTY:PATH\n  remedy: --set-file PROPERTY:PATH\n"),
    (
        ["--set-file", "auth-username:/no/such/file"],
        "auth-username: /no/such/file cannot be read: no such file or directory\n",
    ),
    (
        ["--set-file", f"auth-password:{CANARY}"],
        "auth-password: the file cannot be read: no such file or directory\n"
        "  remedy: --set-file auth-password:PATH names a file that holds the value\n",
    ),
    (
        ["--set-file", f"auth-password:a\0{CANARY}"],
        "auth-password: the file cannot be read: this is not a valid file name\n"
        "  remedy: --set-file auth-password:PATH names a file that holds the value\n",
    ),
    (["--set-file", "auth-username:/dev"], "auth-username: /dev cannot be read: is a directory\n"),
    (["--set-env", "use-ssl"], "--set-env takes PROPERTY:VARIABLE\n"),
    (["--set-env", "use-ssl:LOST"], "use-ssl: the environment variable LOST is not set\n"),
    (
        ["--set-env", f"auth-password:{CANARY}"],
        "auth-password: this environment variable is not set\n"
        "  remedy: --set-env auth-password:VARIABLE takes the name of a variable\n",
    ),
]


@pytest.mark.parametrize(("typed", "said"), REFUSED, ids=[" ".join(typed)[:40] for typed, _ in REFUSED])
def test_what_is_typed_wrongly_is_refused_and_no_secret_repeated(typed: list[str], said: str, file: Path) -> None:
    before = file.read_bytes()
    assert change(*typed) == (2, "", f"error: {said}")
    assert CANARY not in said
    assert file.read_bytes() == before


def test_every_mistake_of_a_line_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"j\xf6")
    done = change(
        *("--set", "use-ssl", "--set", "enabled:"),
        *("--set-file", f"auth-username:{tmp_path}/latin"),
        *("--set-env", "auth-username:LOST"),
    )
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines() == [
        'error: --set takes PROPERTY:VALUE, but "use-ssl" has no colon',
        "error: enabled: the value of enabled is empty",
        "  remedy: --reset enabled",
        f"error: auth-username: {tmp_path}/latin is not UTF-8 text",
        "error: auth-username: the environment variable LOST is not set",
    ]


def test_mistakes_for_programs_have_a_code_and_a_place() -> None:
    error = json.loads(change("--set", "enabled:", "--output", "json").err)["error"]
    assert error == {
        "code": "usage",
        "exit": 2,
        "diagnostics": [
            {
                "severity": "error",
                "code": "usage",
                "property": "enabled",
                "summary": "the value of enabled is empty",
                "remedy": "--reset enabled",
            }
        ],
    }
