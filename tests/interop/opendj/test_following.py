"""The configuration of OpenDJ, followed by persistent search: its own command, ours and other clients are heard alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import confobjects
from confobjects.following import Live
from confobjects.management import ManagementContext
from tests.cli.sessions import run
from tests.following.services import LONG, Told, shorten
from tests.following.test_server_configurations import settle
from tests.interop.opendj.test_changing import GLOBAL, put
from tests.management.foreign import change
from tests.servers.opendj import PASSWORD, ROOT_DN, OpenDj

LOGIN: dict[str, Any] = {"bind_dn": ROOT_DN, "bind_password": PASSWORD}
MAPPER = {"enabled": True}
SETTINGS = f"/{GLOBAL}"
PLACE = ("identity-mapper", "Followed")


@pytest.fixture(scope="module", autouse=True)
def _family(opendj: OpenDj, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        assert run("family", "add", "opendj", str(opendj.home)).status == 0
        yield


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this user for the state of servers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def ctx(opendj: OpenDj) -> Iterator[ManagementContext]:
    """The configuration; afterwards it is as it was."""
    with confobjects.open(opendj.url, **LOGIN) as opened:
        yield opened
        opened.undo_to(0)


def follow(server: OpenDj, **options: Any) -> Live:
    return confobjects.live(server.url, **LOGIN, **options)


def test_each_change_is_heard_whoever_makes_it(opendj: OpenDj, ctx: ManagementContext) -> None:
    told = Told()
    with follow(opendj, follower="web-1") as live:
        live.listen()(told)
        assert settle(live) == "persistent"
        opendj.dsconfig("set-global-configuration-prop", "--set", "lookthrough-limit:4001")
        told.wait(1)
        put(opendj, "ds-cfg-lookthrough-limit", "4002")
        told.wait(2)
        put(opendj, "ds-cfg-lookthrough-limit", "5000")
        told.wait(3)
        change(ctx, lambda tx: tx.set(GLOBAL, (), {"lookthrough-limit": 4003}))
        told.wait(4)
        opendj.dsconfig(
            *("create-identity-mapper", "--mapper-name", PLACE[1], "--type", "exact-match", "--set", "enabled:true")
        )
        told.wait(5)
        opendj.dsconfig("delete-identity-mapper", "--mapper-name", PLACE[1])
        told.wait(6)
        assert live.problems == ()
        assert [one.name for one in ctx.storage.followers()] == ["web-1"]
    assert shorten(told.events[:4]) == [
        ("changed", SETTINGS, ("lookthrough-limit",), one) for one in (None, None, None, 1)
    ]
    assert [(one.kind, str(one.path)) for one in told.events[4:]] == [
        (kind, "/".join(("", *PLACE))) for kind in ("added", "deleted")
    ]
    assert "follower" not in opendj.ldapsearch("-b", "cn=config").lower()


def test_a_change_is_heard_within_50_milliseconds(opendj: OpenDj, ctx: ManagementContext) -> None:
    """Of a commit as of a change by others; the limit of the promise is given some air, because the machine may be loaded."""
    told, taken = Told(), []
    with follow(opendj) as live:
        live.listen()(told)
        settle(live)
        for turn in range(10):
            change(ctx, lambda tx, size=4010 + turn: tx.set(GLOBAL, (), {"lookthrough-limit": size}))  # type: ignore[misc]
            began = time.monotonic()
            told.wait(turn + 1)
            taken.append(time.monotonic() - began)
    assert median(taken) < 0.5


def test_a_server_that_restarts_is_heard_again_and_what_changed_meanwhile_is_told(
    opendj: OpenDj, ctx: ManagementContext
) -> None:
    told = Told()
    with follow(opendj) as live:
        live.listen()(told)
        settle(live)
        change(ctx, lambda tx: tx.create(*PLACE, MAPPER, type="exact-match"))
        told.wait(1)
        opendj.stop()
        assert live.wait_until(lambda: live.stale is not None, LONG)
        assert PLACE in live
        opendj.start()
        change(
            ctx,
            lambda tx: tx.delete(*PLACE),
            lambda tx: tx.set(GLOBAL, (), {"lookthrough-limit": 4444}),
        )
        told.wait(3)
        assert live.wait_until(lambda: live.stale is None and not live.problems, LONG)
    assert sorted((one.kind, str(one.path), one.number) for one in told.events) == [
        ("added", "/identity-mapper/Followed", 1),
        ("changed", SETTINGS, 2),
        ("deleted", "/identity-mapper/Followed", 2),
    ]
