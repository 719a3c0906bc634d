"""The container of the guide: its files are whole, and its command runs as they say, in namespaces made here in place of an engine:
a root that cannot be written, the volumes of the compose file, a user without rights, and the process as number 1.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
import yaml  # type: ignore[import-untyped]  # it has no types of its own

from tests.cli.sessions import run
from tests.cli.watchers import CommandProcess
from tests.docs import pages
from tests.docs_check import ROOT
from tests.servers.packages import require
from tests.servers.processes import free_port
from tests.service.processes import wait_until
from tests.web.test_process import find_shown

BLOCKS: Final = pages.blocks(ROOT / "docs" / "guide" / "serving.md")
IMAGE: Final = [
    tuple(line.split(" ", 1))
    for line in next(one.text for one in BLOCKS if one.language == "dockerfile").replace("\\\n", "").splitlines()
]
"""The instructions of the image, each with its words."""
SERVICE: Final[dict[str, Any]] = yaml.safe_load(next(one.text for one in BLOCKS if one.language == "yaml"))["services"][
    "web"
]
USER: Final = 10001
MAKE: Final = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$NEW"
for place in $PLACES; do
  mkdir -p "$NEW$place"
  mount --bind "$place" "$NEW$place"
  mount -o remount,bind,ro "$NEW$place"
done
mkdir -p "$NEW/proc" "$NEW/dev" "$NEW/tmp" "$NEW/data" "$NEW/certificates" "$NEW/programs"
cp "$PROGRAMS"/* "$NEW/programs"
mount -t proc proc "$NEW/proc"
mount --bind /dev "$NEW/dev"
mount -t tmpfs -o mode=1777 tmpfs "$NEW/tmp"
mount --bind "$DATA" "$NEW/data"
mount --bind "$CERTIFICATES" "$NEW/certificates"
mount -o remount,bind,ro "$NEW/certificates"
mount -o remount,ro "$NEW"
cd "$NEW"
exec chroot "$NEW" setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  env -i PATH=/programs:/usr/bin:/bin "PYTHONPATH=$SOURCE" CONFOBJECTS_URL=ldif:/data/config.ldif "$@"
"""
"""Makes the root of the container, and runs a command in it."""


def find(instruction: str) -> str:
    """Return the words of the one instruction of a kind."""
    (found,) = (words for name, words in IMAGE if name == instruction)
    return found


# -- the files ---------------------------------------------------------------------------------------------------------


def test_the_image_is_made_for_a_user_without_rights() -> None:
    names = [name for name, _ in IMAGE]
    assert names == ["FROM", "RUN", "USER", "VOLUME", "ENV", "ENTRYPOINT", "CMD"]
    assert find("USER") == str(USER), "a number, so that an engine can see that it is not root"
    assert f"--owner={USER} --mode=0700 {find('VOLUME')}" in find("RUN")
    assert find("ENV").startswith(f"CONFOBJECTS_URL=ldif:{find('VOLUME')}/")
    for name in ("ENTRYPOINT", "CMD"):  # as a list: no shell stands between the signals and the process
        assert json.loads(find(name))


def test_the_image_installs_what_there_is_for_a_python_that_counts() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"confobjects\[(\w+)\]", find("RUN")):
        assert f"\n{extra} = [" in project
    least = re.search(r'requires-python = ">=3\.(\d+)"', project)
    taken = re.search(r"python:3\.(\d+)-slim", find("FROM"))
    assert least is not None
    assert taken is not None
    assert int(taken[1]) >= int(least[1])


def test_the_service_names_what_there_is() -> None:
    options = set(re.findall(r"--[a-z-]+", run("serve", "--help").out))
    for words in (SERVICE["command"], json.loads(find("CMD"))):
        assert words[0] == "serve"
        assert {word for word in words if word.startswith("--")} <= options
    mounted = {one.split(":")[1] for one in SERVICE["volumes"]}
    certificate = SERVICE["command"][SERVICE["command"].index("--certificate") + 1]
    assert str(Path(certificate).parent) in mounted, "a directory, so that a renewed file is seen"
    assert find("VOLUME") in mounted
    assert (SERVICE["read_only"], SERVICE["cap_drop"], SERVICE["security_opt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges:true"],
    )
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > 45


# -- the container -----------------------------------------------------------------------------------------------------


class Container(CommandProcess):
    """The service of the guide in a container, at a free port."""

    def __init__(self, directory: Path) -> None:
        self.data, self.certificates = directory / "data", directory / "certificates"
        self.port = free_port()
        self._directory = directory
        words = [word.replace("8443", str(self.port)) for word in SERVICE["command"]]
        super().__init__(*words, env=self._make_environment(), command=[*self._enter(), "confobjects"])

    def _enter(self) -> list[str]:
        spaces = ("--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL")
        return [require("namespaces")["unshare"], *spaces, "sh", "-c", MAKE, "sh"]

    def _make_environment(self) -> dict[str, str]:
        programs, new = self._directory / "programs", self._directory / "root"
        for one in (self.data, self.certificates, programs, new):
            one.mkdir(exist_ok=True)
        os.chown(self.data, USER, USER)
        for name, words in {"confobjects": "-m confobjects.cli ", "python": ""}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n')
            (programs / name).chmod(0o755)
        system = ("/usr", "/bin", "/lib", "/lib64", "/etc")
        places = dict.fromkeys([*filter(os.path.isdir, system), sys.base_prefix, sys.prefix, str(ROOT)])
        return {
            "PLACES": " ".join(places),
            "NEW": str(new),
            "PROGRAMS": str(programs),
            "DATA": str(self.data),
            "CERTIFICATES": str(self.certificates),
            "SOURCE": str(ROOT),
        }

    def is_healthy(self) -> bool:
        """Tell what the health check of the compose file says."""
        _, _, *words = SERVICE["healthcheck"]["test"]
        check = [sys.executable, *(word.replace("8443", str(self.port)) for word in words)]
        return subprocess.run(check, capture_output=True, check=False).returncode == 0


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def renew(directory: Path, authority: trustme.CA) -> None:
    """Put a fresh certificate in the place of the one before, as tools that renew do."""
    made = authority.issue_cert("127.0.0.1", "web.example.com").private_key_and_cert_chain_pem.bytes()
    directory.mkdir(exist_ok=True)
    fresh = directory / "fresh.pem"
    fresh.write_bytes(made)
    os.chown(fresh, USER, USER)
    fresh.chmod(0o400)
    fresh.replace(directory / "web.pem")


@pytest.fixture
def container(tmp_path: Path, authority: trustme.CA) -> Iterator[Container]:
    require("namespaces")
    renew(tmp_path / "certificates", authority)
    with Container(tmp_path) as running:
        running.out.until(lambda line: line.startswith("serving at "))
        yield running


def test_it_is_healthy_writes_only_its_volume_and_ends_at_once(container: Container) -> None:
    assert container.is_healthy()
    assert container.end_child(signal.SIGTERM) == 0
    assert not container.is_healthy()
    for line in container.err.rest():
        assert json.loads(line)["level"] != "error"


def test_it_shows_a_certificate_that_was_renewed_outside(container: Container, authority: trustme.CA) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    before = find_shown(container.port, context)
    renew(container.certificates, authority)
    wait_until(lambda: find_shown(container.port, context) != before)
    assert container.end_child(signal.SIGTERM) == 0
