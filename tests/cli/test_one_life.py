"""One mail server from its first day to its last: what history, undo, diff, copy and init print about it."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, fresh, run

SECRET = "Kanarienvogel-3!x"
LIFE = (
    "create-trust-manager-provider --provider-name blind --type blind --set enabled:true",
    "create-mail-server --server-name one --set enabled:true --set smtp-server:h:25 --set auth-username:joe "
    f"--set auth-password:{SECRET}",
    "set-mail-server-prop --server-name one --set enabled:false --set smtp-property:mail.smtp.timeout=1 "
    "--set smtp-property:mail.smtp.localhost=x",
    "rename mail-server --server-name one --to two",
    "delete-mail-server --server-name two",
    "undo 5",
)
COMMANDS = [line.replace(SECRET, "********") for line in LIFE]
SIGNED = "2027-01-01T12:00:00Z\toperator"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("life")
    with fresh(folder):
        for line in LIFE:
            assert run(*shlex.split(line)).status == 0
    return folder


@pytest.fixture(autouse=True)
def folder(lived: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    with fresh(tmp_path):
        yield tmp_path


def said(line: str, folder: Path) -> Outcome:
    """Run a line, in which ``{dir}`` is the directory, and in what it prints as well."""
    done = run(*shlex.split(line.replace("{dir}", str(folder))))
    assert SECRET not in done.out + done.err
    return done._replace(out=done.out.replace(str(folder), "{dir}"), err=done.err.replace(str(folder), "{dir}"))


# -- the history -------------------------------------------------------------------------------------------------------


def row(number: int, tail: str = "") -> str:
    return f"{number}\t{SIGNED}\t{COMMANDS[number - 1]}{tail}"


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("history -s", [row(1), row(2), row(3), row(4), row(5, " (taken back by change 6)"), row(6)]),
        ("history --limit 2 -s", [row(5, " (taken back by change 6)"), row(6)]),
        ("history --limit 99 -s --limit 1", [row(6)]),
        ("history mail-server --server-name one -s", [row(2), row(3), row(4)]),
        (
            "history mail-server --server-name two -s",
            [row(2), row(3), row(4), row(5, " (taken back by change 6)"), row(6)],
        ),
        ("history mail-server --server-name TWO -s --limit 1", [row(6)]),
        ("history trust-manager-provider --provider-name blind -s", [row(1)]),
        ("history mail-server --server-name nobody -s", []),
    ],
)
def test_the_changes_of_everything_and_of_one_object(line: str, rows: list[str], folder: Path) -> None:
    done = said(line, folder)
    assert (done.status, done.out.splitlines(), done.err) == (0, rows, "")


SHOWN = {
    1: [
        "create /trust-manager-provider/blind",
        "  enabled: - -> true",
        "To take it back:",
        "  delete-trust-manager-provider --provider-name blind",
    ],
    2: [
        "create /mail-server/one, untested",
        "  auth-password: - -> ********",
        "  auth-username: - -> joe",
        "  enabled: - -> true",
        "  smtp-server: - -> h:25",
        "To take it back:",
        "  delete-mail-server --server-name one",
    ],
    3: [
        "modify /mail-server/one",
        "  enabled: true -> false",
        "  smtp-property: - -> mail.smtp.timeout=1, mail.smtp.localhost=x",
        "To take it back:",
        "  set-mail-server-prop --server-name one --set enabled:true --reset smtp-property",
    ],
    4: [
        "rename /mail-server/one to /mail-server/two",
        "To take it back:",
        "  rename mail-server --server-name two --to one",
    ],
    5: [
        "delete /mail-server/two",
        "  auth-password: ******** -> -",
        "  auth-username: joe -> -",
        "  enabled: false -> -",
        "  smtp-server: h:25 -> -",
        "  smtp-property: mail.smtp.timeout=1, mail.smtp.localhost=x -> -",
        "Taken back by change 6",
    ],
    6: [
        "create /mail-server/two",
        "  auth-password: - -> ********",
        "  auth-username: - -> joe",
        "  enabled: - -> false",
        "  smtp-server: - -> h:25",
        "  smtp-property: - -> mail.smtp.timeout=1, mail.smtp.localhost=x",
        "To take it back:",
        "  delete-mail-server --server-name two",
    ],
}


@pytest.mark.parametrize("number", list(SHOWN))
def test_everything_about_one_change(number: int, folder: Path) -> None:
    done = said(f"history show {number}", folder)
    assert (done.status, done.err) == (0, "")
    head = [f"Change {number}: 2027-01-01T12:00:00Z by operator", f"Command: {COMMANDS[number - 1]}"]
    assert done.out.splitlines() == head + SHOWN[number]


@pytest.mark.parametrize("number", [4, 3, 2, 1])
def test_the_commands_shown_take_a_change_back(number: int, folder: Path) -> None:
    """One after the other, from the last change on, they lead back to the day before."""
    assert said("undo --to 4", folder).status == 0
    for one in range(4, number - 1, -1):
        shown = said(f"history show {one}", folder).out
        assert said(shown.splitlines()[-1], folder).status == 0
    assert said(f"diff history:{number - 1} -s", folder) == (0, "", "")


def test_a_change_for_programs(folder: Path) -> None:
    changes = json.loads(said("history --output json", folder).out)["changes"]
    assert [(one["number"], one["state"], one["command"]) for one in changes] == [
        (number, "done", command) for number, command in enumerate(COMMANDS, start=1)
    ]
    assert [one.get("undone_by") for one in changes] == [None, None, None, None, 6, None]
    assert [one.get("undoes") for one in changes] == [None, None, None, None, None, [5]]
    assert changes[2]["changes"] == [
        {
            "path": "/mail-server/one",
            "action": "modify",
            "type": "mail-server",
            "properties": {
                "enabled": {"before": ["true"], "after": ["false"]},
                "smtp-property": {"before": [], "after": ["mail.smtp.timeout=1", "mail.smtp.localhost=x"]},
            },
        }
    ]
    assert changes[3]["changes"] == [
        {
            "path": "/mail-server/one",
            "action": "rename",
            "type": "mail-server",
            "properties": {},
            "new_path": "/mail-server/two",
        }
    ]


@pytest.mark.parametrize(
    ("line", "status", "err"),
    [
        ("history show 9", 12, "there is no change 9\n  remedy: the history has the changes 1 to 6\n"),
        ("history show", 2, "show takes the number of a change\n  help: confobjects history --help\n"),
        ("history show 0", 2, "NUMBER takes a whole number from 1 to 1000000000\n  help: confobjects history --help\n"),
        (
            "history mail-server 3 --server-name two",
            2,
            "only show takes a number: history show 3\n  help: confobjects history --help\n",
        ),
        (
            "history nosuch",
            2,
            'there is no object "nosuch"\n  remedy: known: account-status-notification-handler, alert-handler, ',
        ),
        ("history mail-server", 2, "the option --server-name is missing\n  remedy: --server-name NAME"),
        ("undo", 2, "undo takes the number of a change, or --to and the number of the last change to keep\n"),
        ("undo 3 --to 2", 2, "undo takes the number of a change, or --to and the number of the last change to keep\n"),
        ("undo 9", 12, "there is no change 9\n  remedy: the history has the changes 1 to 6\n"),
        ("undo --to 9", 12, "there is no change 9\n  remedy: the history has the changes 1 to 6\n"),
        ("undo 5", 11, "change 5 was already taken back by change 6\n  remedy: undo 6 makes it again\n"),
        (
            "undo 3",
            11,
            "change 3 cannot be taken back alone: change 4 touches the same values\n"
            "  remedy: undo --to 2 takes them back as well, or undo them one by one, the last first\n",
        ),
        (
            "undo 2",
            11,
            "change 2 cannot be taken back alone: changes 3 and 4 touch the same values\n"
            "  remedy: undo --to 1 takes them back as well, or undo them one by one, the last first\n",
        ),
    ],
)
def test_what_the_history_cannot_say_or_do(line: str, status: int, err: str, folder: Path) -> None:
    before = (folder / "config.ldif").read_bytes()
    done = said(line, folder)
    assert (done.status, done.out, done.err[: len("error: " + err)]) == (status, "", f"error: {err}")
    assert (folder / "config.ldif").read_bytes() == before


# -- undo --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("undo 6 -v", "Change 6 was taken back.\n"),
        ("undo --to 3 -v", "Every change after 3 was taken back.\n"),
        ("undo --to 0 -v", "Every change was taken back.\n"),
        ("undo --to 6 -v", "Nothing changed.\n"),
        ("undo --to 3", ""),
        ("undo --to 3 --dry-run", "would rename /mail-server/two to /mail-server/one\n"),
        (
            "undo --to 1 --dry-run",
            "would delete /mail-server/two\n"
            "  auth-password: ******** -> -\n"
            "  auth-username: joe -> -\n"
            "  enabled: false -> -\n"
            "  smtp-server: h:25 -> -\n"
            "  smtp-property: mail.smtp.timeout=1, mail.smtp.localhost=x -> -\n",
        ),
    ],
)
def test_what_an_undo_says(line: str, out: str, folder: Path) -> None:
    done = said(line, folder)
    assert (done.status, done.out, done.err) == (0, out, "")


def test_an_undo_to_the_beginning_and_the_undo_of_that(folder: Path) -> None:
    assert said("undo --to 0", folder).status == 0
    assert said("list-mail-servers -s", folder).out == ""
    assert said("undo 7", folder).status == 0
    assert said("diff history:6", folder).status == 0
    assert said("history --limit 1 -s", folder).out == f"8\t{SIGNED}\tundo 7\n"
    assert "Taken back by change 8" in said("history show 7", folder).out


# -- diff between days -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "lines"),
    [
        (
            "history:2 history:3",
            [
                "/mail-server/one\tenabled\ttrue\tfalse",
                "/mail-server/one\tsmtp-property\t-\tmail.smtp.timeout=1, mail.smtp.localhost=x",
            ],
        ),
        (
            "history:0 history:1",
            [
                "/trust-manager-provider/blind\t(type)\t-\tblind",
                "/trust-manager-provider/blind\tenabled\t-\ttrue",
            ],
        ),
        (
            "history:5 history:1",
            [],
        ),
        ("history:4 history:6", []),
        ("history:6", []),
    ],
)
def test_what_is_different_between_two_days(days: str, lines: list[str], folder: Path) -> None:
    done = said(f"diff {days} -s", folder)
    assert (done.status, done.out.splitlines()) == (int(bool(lines)), lines)
    first, _, second = days.partition(" ")
    if second:
        back = said(f"diff {second} {first} -s", folder)
        swapped = [[path, name, after, before] for path, name, before, after in (line.split("\t") for line in lines)]
        assert [line.split("\t") for line in back.out.splitlines()] == swapped


def test_a_difference_in_lines_that_a_patch_has(folder: Path) -> None:
    assert said("diff history:1 history:2 --unified", folder).out.splitlines() == [
        "--- history:1",
        "+++ history:2",
        "@@ /mail-server/one @@",
        "+type: generic",
        "+auth-password: ********",
        "+auth-username: joe",
        "+enabled: true",
        "+smtp-server: h:25",
    ]


def test_a_difference_for_programs(folder: Path) -> None:
    found = json.loads(said("diff history:2 history:3 --output json", folder).out)
    assert found == {
        "different": True,
        "before": "history:2",
        "after": "history:3",
        "differences": [
            {
                "path": "/mail-server/one",
                "action": "modify",
                "properties": {
                    "enabled": {"before": ["true"], "after": ["false"]},
                    "smtp-property": {"before": [], "after": ["mail.smtp.timeout=1", "mail.smtp.localhost=x"]},
                },
            }
        ],
    }


# -- copies and empty ones ---------------------------------------------------------------------------------------------

COPY = "copy ldif:{dir}/config.ldif ldif:{dir}/b.ldif"


def test_what_a_copy_says(folder: Path) -> None:
    assert said(f"{COPY} --dry-run", folder) == (0, "2 objects would be copied\n", "")
    assert not (folder / "b.ldif").exists()
    assert said(COPY, folder) == (0, "2 objects copied\n", "")
    assert said(COPY, folder) == (0, "0 objects copied, 2 there already\n", "")
    assert said("diff ldif:{dir}/b.ldif", folder).status == 0
    assert SECRET in (folder / "b.ldif").read_text()
    assert said(f"{COPY} -Q", folder) == (0, "", "")
    counts = {"changed": False, "created": 0, "replaced": 0, "same": 2, "warnings": []}
    assert json.loads(said(f"{COPY} --output json", folder).out) == counts


def test_a_copy_replaces_what_differs_only_when_asked(folder: Path) -> None:
    assert said(COPY, folder).status == 0
    assert said("set-mail-server-prop --server-name two --set enabled:true --url ldif:{dir}/b.ldif", folder).status == 0
    assert said(COPY, folder) == (
        13,
        "",
        "error: /mail-server/two: the target holds another object of that name\n"
        "  remedy: let the copy replace it (--force), or delete one of the two\n",
    )
    assert said(f"{COPY} -f --dry-run", folder).out == "0 objects would be copied, 1 replaced, 1 there already\n"
    assert said(f"{COPY} --force", folder).out == "0 objects copied, 1 replaced, 1 there already\n"
    assert said("diff ldif:{dir}/b.ldif", folder).status == 0


@pytest.mark.parametrize(
    ("line", "status", "err"),
    [
        ("copy ldif:{dir}/none.ldif ldif:{dir}/c.ldif", 31, "{dir}/none.ldif: there is no such file\n"),
        ("copy ldif:{dir}/config.ldif nosuch:x", 2, 'URLs that start with "nosuch:" are not supported\n'),
        ("copy ldif:{dir}/config.ldif", 2, "the argument TO is missing\n"),
        ("copy", 2, "the argument FROM is missing\n"),
    ],
)
def test_what_cannot_be_copied(line: str, status: int, err: str, folder: Path) -> None:
    done = said(line, folder)
    assert (done.status, done.out, done.err[: len("error: " + err)]) == (status, "", f"error: {err}")


def test_an_empty_configuration_is_made_once(folder: Path) -> None:
    handlers = ("Account Status Notification Handlers", "Alert Handlers")
    kinds = ("Key Manager Providers", "Mail Senders", "Mail Servers", "OAuth2 Providers", "Trust Manager Providers")
    entries = ["cn=config", *(f"cn={kind},cn=config" for kind in (*handlers, *kinds))]
    init = "init --url ldif:{dir}/c.ldif"
    assert said(f"{init} --dry-run", folder).out.splitlines() == [
        f'the entry "{dn}" would be created' for dn in entries
    ]
    assert not (folder / "c.ldif").exists()
    assert said(init, folder).out.splitlines() == [f'the entry "{dn}" was created' for dn in entries]
    assert said(init, folder) == (0, "everything exists already\n", "")
    assert said(f"{init} -Q", folder) == (0, "", "")
    made = json.loads(said("init --url ldif:{dir}/d.ldif --output json", folder).out)
    assert made == {"changed": True, "entries": entries, "warnings": []}
    new = (*handlers, "Key Manager Providers", "Mail Senders", "OAuth2 Providers")
    missing = [f"cn={kind},cn=config" for kind in new]
    assert said("init", folder).out.splitlines() == [f'the entry "{dn}" was created' for dn in missing]
    assert said("init", folder).out == "everything exists already\n"
    assert said("check --url ldif:{dir}/c.ldif", folder).out == "1 object: 0 errors, 0 warnings\n"


# -- explain and check -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (
            "explain plain",
            ["text:   plain", "there is no expression in it: the text is the value", "value:  plain"],
        ),
        (
            "explain '&{a.b|x}'",
            ["text:   &{a.b|x}", "needs:  a.b", "value:  x", "from:   default in the expression"],
        ),
        (
            "explain 'pre-&{a.b}-post' --define a.b=7",
            ["text:   pre-&{a.b}-post", "needs:  a.b", "value:  pre-7-post", "from:   --define a.b"],
        ),
    ],
)
def test_how_a_text_comes_to_its_value(line: str, lines: list[str], folder: Path) -> None:
    done = said(line, folder)
    assert (done.status, done.out.splitlines(), done.err) == (0, lines, "")


@pytest.mark.parametrize(
    ("line", "status", "err"),
    [
        ("explain '&{a.b'", 10, 'the expression that starts here is never closed by "}"\n  &{a.b\n  ^^\n'),
        (
            "explain '&{a.b}'",
            30,
            '"a.b" has no value\n  &{a.b}\n  ^^^^^^\n  looked in: --define a.b; environment variable A_B\n',
        ),
    ],
)
def test_a_text_that_comes_to_no_value(line: str, status: int, err: str, folder: Path) -> None:
    done = said(line, folder)
    assert (done.status, done.out, done.err[: len("error: " + err)]) == (status, "", f"error: {err}")


def test_a_check_says_how_much_it_has_looked_at(folder: Path) -> None:
    assert said("check", folder) == (0, "3 objects: 0 errors, 0 warnings\n", "")
    assert said("check -Q", folder) == (0, "", "")
    assert json.loads(said("check --output json", folder).out) == {"ok": True, "objects": 3, "warnings": []}
    assert said("delete-trust-manager-provider --provider-name blind", folder).status == 0
    assert said("check", folder).out == "2 objects: 0 errors, 0 warnings\n"


def test_a_check_finds_what_a_start_would(folder: Path) -> None:
    wrong = "set-mail-server-prop --server-name two --set enabled:&{mail.on} --set auth-username:&{mail.user}"
    assert said(wrong, folder).status == 0
    done = said("check", folder)
    assert (done.status, done.out) == (30, "3 objects: 2 errors, 0 warnings\n")
    assert done.err.count("has no value") == 2
    assert '/mail-server/two, enabled: "mail.on" has no value' in done.err
    values = folder / "other.env"
    values.write_text("MAIL_ON=true\nMAIL_USER=joe\n")
    assert said("check --env-file {dir}/other.env", folder).status == 0
