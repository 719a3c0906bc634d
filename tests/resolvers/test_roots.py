"""The right to write the configuration does not give the right to read the machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import confobjects
from confobjects.errors import ConfobjectsError
from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.resolvers import FileFunction, FileRoots, Resolvers, file_roots_of
from tests.opening import open_any

SECRET: Final = "canary-4Wq"


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """An instance directory with a pin, below a directory with a secret that is not for it."""
    made = tmp_path / "instance"
    (made / "below").mkdir(parents=True)
    (made / "below" / "a.pin").write_text("pin\n")
    (tmp_path / "outside").write_text(SECRET)
    return made


OUTSIDE: Final[dict[str, Callable[[Path], str]]] = {
    "absolute": lambda instance: str(instance.parent / "outside"),
    "parent": lambda _: "../outside",
    "parent of a directory below": lambda _: "below/../../outside",
    "a name that begins alike": lambda instance: f"{instance}-other/x",
    "link": lambda instance: _made(instance / "link", lambda path: path.symlink_to("../outside")),
    "linked directory": lambda instance: (
        _made(instance / "up", lambda path: path.symlink_to("..", target_is_directory=True)) + "/outside"
    ),
    "hard link": lambda instance: _made(instance / "hard", lambda path: path.hardlink_to(instance.parent / "outside")),
    "shadow": lambda _: "/etc/shadow",
    "environment of the process": lambda _: "/proc/self/environ",
    "descriptor": lambda _: "/dev/fd/0",
    "absent": lambda _: "/no/such/file",
}


def _made(path: Path, make: Callable[[Path], None]) -> str:
    make(path)
    return path.name


@pytest.mark.parametrize("make", OUTSIDE.values(), ids=OUTSIDE)
def test_a_file_outside_the_roots_is_not_read(instance: Path, make: Callable[[Path], str]) -> None:
    answer = FileFunction(str(instance))(make(instance))
    assert isinstance(answer, Failed)
    assert SECRET not in answer.message


@pytest.mark.parametrize("root", ["/", "/proc"])
def test_no_root_opens_the_files_of_the_kernel(root: str) -> None:
    assert isinstance(FileFunction(root, FileRoots(root, [root]))("/proc/self/environ"), Failed)


def test_the_top_of_the_file_system_is_no_instance_directory(instance: Path) -> None:
    assert isinstance(FileFunction("/")(str(instance / "below" / "a.pin")), Failed)


@given(st.lists(st.sampled_from(["..", ".", "below", "up", "down", "a.pin", "", "/"]), max_size=8).map("/".join))
def test_what_is_read_is_below_a_root(path: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "instance"
        (instance / "below").mkdir(parents=True)
        for at in (Path(folder), instance, instance / "below"):
            (at / "a.pin").write_text(str(at))
        (instance / "up").symlink_to("..")
        (instance / "down").symlink_to("below")
        answer = FileFunction(str(instance))(path)
        if isinstance(answer, Found):
            assert answer.texts[0] in {str(instance), str(instance / "below")}


def test_the_roots_of_an_environment_are_read(instance: Path) -> None:
    for variable in ("CREDENTIALS_DIRECTORY", "CONFOBJECTS_FILE_ROOTS"):
        roots = FileRoots(str(instance), file_roots_of({variable: str(instance.parent)}))
        assert isinstance(FileFunction(str(instance), roots)("../outside"), Found)
    assert file_roots_of({}) == ("/run/secrets",)
    assert file_roots_of({"CONFOBJECTS_FILE_ROOTS": "/a, relative ,/b,"}) == ("/run/secrets", "/a", "/b")


@pytest.mark.parametrize(
    "name",
    [
        "conf",
        "conf.lock",
        "conf.history",
        "conf.archive/conf.1.gz",
        "conf.followers/web-1.json",
        ".conf.new",
        "conf.tokens",
        "other.ldif",
        "other.ldif.history",
        "login.pin",
        "link-to-ours",
        ".confobjects/tools.properties",
    ],
)
def test_no_file_of_ours_is_read(instance: Path, name: str) -> None:
    path = instance / name
    path.parent.mkdir(exist_ok=True)
    if name == "link-to-ours":
        (instance / "conf").write_text(SECRET)
        path.symlink_to("conf")
    else:
        path.write_text(SECRET)
    roots = FileRoots(str(instance), configuration=str(instance / "conf"), own=[str(instance / "login.pin")])
    function = FileFunction(str(instance), roots)
    assert isinstance(function(name), Failed)
    assert isinstance(function("below/a.pin"), Found)


@pytest.mark.parametrize(
    "name", ["conf", "conf.history", "conf.archive/conf.1.gz", "conf.followers/a.json", "login.pin"]
)
def test_a_file_of_ours_is_known_by_its_inode(instance: Path, name: str) -> None:
    path = instance / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(SECRET)
    roots = FileRoots(str(instance), configuration=str(instance / "conf"), own=[str(instance / "login.pin")])
    answer = roots.refuse_file(str(instance / "x"), os.path.realpath(instance / "x"), path.stat())
    assert answer is not None
    assert "own files" in answer.message


def test_a_linked_configuration_is_ours_at_both_paths(instance: Path) -> None:
    real = instance / "below" / "real"
    real.write_text(SECRET)
    (instance / "below" / "real.history").write_text(SECRET)
    (instance / "conf").symlink_to("below/real")
    function = FileFunction(str(instance), FileRoots(str(instance), configuration=str(instance / "conf")))
    assert [isinstance(function(path), Failed) for path in ("conf", "below/real", "below/real.history")] == [True] * 3


def test_a_pipe_is_an_error_and_opening_it_does_not_wait(instance: Path) -> None:
    os.mkfifo(instance / "pipe")
    answer = FileFunction(str(instance))("pipe")
    assert isinstance(answer, Failed)
    assert "not a regular file" in answer.message


# -- the environment -------------------------------------------------------------------------------------------------

OWN: Final = {"CONFOBJECTS_BIND_PASSWORD": SECRET, "Confobjects_Other": SECRET}


@given(st.sampled_from(sorted(OWN)), st.sampled_from([None, "*", "CONFOBJECTS_*"]))
def test_no_variable_of_ours_is_given(name: str, allowed: str | None) -> None:
    environment = OWN if allowed is None else {**OWN, "CONFOBJECTS_ENV_ALLOW": allowed}
    resolvers = Resolvers(environment=environment)
    assert isinstance(resolvers(Need("env", name)), Failed)
    for token in ("confobjects.bind-password", "confobjects-bind.password", "confobjects.env.allow"):
        assert isinstance(resolvers(Need(None, token)), NotFound)


@pytest.mark.parametrize(
    ("patterns", "given_out"),
    [
        (None, {"SMTP_PIN", "smtp_pin", "HOME"}),
        ("", set()),
        ("SMTP_*", {"SMTP_PIN"}),
        ("HOME, SMTP_PI?", {"SMTP_PIN", "HOME"}),
        ("*", {"SMTP_PIN", "smtp_pin", "HOME"}),
    ],
)
def test_patterns_limit_the_environment(patterns: str | None, given_out: set[str]) -> None:
    environment = {"SMTP_PIN": "1", "smtp_pin": "2", "HOME": "3"}
    limit = {} if patterns is None else {"CONFOBJECTS_ENV_ALLOW": patterns}
    resolvers = Resolvers(environment={**environment, **limit})
    assert {name for name in environment if isinstance(resolvers(Need("env", name)), Found)} == given_out
    assert isinstance(resolvers(Need(None, "smtp.pin")), Found) == ("SMTP_PIN" in given_out)


# -- from end to end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["&{file:config.ldif}", "&{file:/etc/passwd}", "&{env:CONFOBJECTS_PIN}"])
def test_a_configuration_is_not_loaded_with_what_it_may_not_read(tmp_path: Path, text: str) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with open_any(url) as context, context.change() as transaction:
        values = {
            "enabled": "true",
            "smtp-server": "m.example.com",
            "auth-username": text,
            "auth-password": "x",
            "trust-manager-provider": "System",
        }
        transaction.create("trust-manager-provider", "System", {"enabled": "true"}, type="system")
        transaction.create("mail-server", "one", values)
    with pytest.raises(ConfobjectsError, match=r"may read|own files|not given"):
        confobjects.load(url, environment={"CONFOBJECTS_PIN": SECRET})
