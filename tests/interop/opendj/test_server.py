"""The server that the tests of this folder talk to: it is up, on loopback only, and its own command reads it."""

from __future__ import annotations

import re
import subprocess

from tests.servers.opendj import SUFFIX, VERSION, OpenDj


def test_the_root_dse_tells_product_and_version(opendj: OpenDj) -> None:
    told = opendj.ldapsearch("-b", "", "-s", "base", "vendorName", "vendorVersion")
    assert f"vendorVersion: OpenDJ Server {VERSION}\n" in told


def test_its_own_command_reads_it(opendj: OpenDj) -> None:
    backend = opendj.dsconfig("get-backend-prop", "--backend-name", "userRoot", "--property", "base-dn", "-s")
    assert backend.split("\t")[:2] == ["base-dn", SUFFIX + "\n"]


def test_it_listens_on_loopback_only(opendj: OpenDj) -> None:
    shown = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    ours = [line.split()[3] for line in shown.splitlines() if f"pid={opendj.process.pid}," in line]
    assert len(ours) == 3
    assert all(re.fullmatch(r"\[::ffff:127\.0\.0\.1\]:\d+", address) for address in ours)


def test_it_keeps_a_change_when_it_is_killed_and_started_again(opendj: OpenDj) -> None:
    opendj.dsconfig("set-global-configuration-prop", "--set", "lookthrough-limit:4321")
    opendj.kill()
    opendj.start()
    assert "ds-cfg-lookthrough-limit: 4321\n" in opendj.ldapsearch("-b", "cn=config", "-s", "base")
    opendj.dsconfig("set-global-configuration-prop", "--reset", "lookthrough-limit")
