"""The process that serves, put together: the application and its guard, the live configuration, the mail service, the end in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from confobjects.records import Record
from confobjects.web.api import table as rest
from confobjects.web.app import make_app
from confobjects.web.identity import first_page
from confobjects.web.pages import table as pages
from confobjects.web.serving import states
from confobjects.web.serving.accepting import Door, Limits, guard_socket
from confobjects.web.serving.following import PATIENCE, Follower, Tell
from confobjects.web.serving.guarding import Guard, Rules
from confobjects.web.serving.hosts import make_hosts
from confobjects.web.serving.listening import Listening, is_among, is_loopback, may_connect
from confobjects.web.serving.measuring import Instruments
from confobjects.web.serving.notices import ProcessNotices
from confobjects.web.serving.server import WebServer, make_config

if TYPE_CHECKING:
    import socket
    import ssl

    from confobjects.following import Live
    from confobjects.service.serving import MailService
    from confobjects.web.serving.access_log import Write
    from confobjects.web.serving.events import Round
    from confobjects.web.serving.hub import Hub
    from confobjects.web.serving.mailing import MailRunner
    from confobjects.web.serving.opening import ServedPlace
    from confobjects.web.site import Web

ROOT: Final = (*states.ENDPOINTS, *first_page.ENDPOINTS)
"""What stands beside the API and the pages."""

MAIL_PATIENCE = 45.0
"""Seconds that mails which are being sent, and a directory that does not answer, may keep the process from ending."""


class ProcessOptions(Record):
    """How the process runs: where it listens, the context of TLS, whether the mail service runs in it, and with a ledger that is
    not sealed.
    """

    listening: Listening
    context: ssl.SSLContext | None = None
    has_mail_service: bool = False
    is_unsealed: bool = False


class WebProcess:
    """One run of the process in an event loop. ``begin`` is called when it listens, ``write`` with each line of the access log."""

    def __init__(
        self, place: ServedPlace, web: Web, options: ProcessOptions, begin: Callable[[], object], write: Write
    ) -> None:
        self._place = place
        self._options = options
        self._begin = begin
        self._write = write
        self._web = web.replace(measure=self._measure)
        self._mail: MailRunner | None = None
        self._instruments: Instruments | None = None

    async def run(self, bound: socket.socket) -> None:
        """Serve on a socket until somebody ends it."""
        door = self._make_door(bound.getsockname()[0])
        guard = self._make_guard(bound.getsockname()[0])
        self._instruments = Instruments(guard, door, self._web.live)
        follower = self._make_follower()
        notices = ProcessNotices(os.environ, lambda: follower.live)

        def begin() -> None:
            self._begin()
            follower.start()
            notices.begin()

        def end() -> None:
            notices.stop()
            follower.ask_end()
            self._web.live.close()

        self._web.live.listen(notices.go_on)
        config = make_config(guard, self._write, self._options.context)
        try:
            await WebServer(config, begin, end).serve([guard_socket(bound, door)])
        finally:
            follower.stop(MAIL_PATIENCE if self._options.has_mail_service else PATIENCE)

    async def _measure(self) -> str:
        service = None if self._mail is None else self._mail.service
        return "" if self._instruments is None else await self._instruments.measure(service)

    # -- its parts ---------------------------------------------------------------------------------------------------

    def _make_door(self, address: str) -> Door:
        listening = self._options.listening
        return Door(
            Limits(),
            lambda peer: may_connect(listening, peer, address),
            lambda peer: is_loopback(peer) or is_among(peer, listening.proxies),
        )

    def _make_guard(self, address: str) -> Guard:
        listening = self._options.listening
        rules = Rules(make_hosts(address, listening.hosts), listening.proxies)
        return Guard(make_app(self._web, rest.ENDPOINTS, ROOT, pages.ENDPOINTS), rules, self._write)

    def _make_follower(self) -> Follower:
        place, web = self._place, self._web
        tell = make_tell(asyncio.get_running_loop(), web.live)
        return Follower(lambda: place.make_live(tells=True), tell, web.served.renew, place.file, self._run_with)

    def _run_with(self, live: Live) -> AbstractContextManager[object]:
        """Return what runs with a live configuration."""
        if not self._options.has_mail_service:
            return nullcontext()
        from confobjects.web.serving.mailing import MailRunner

        self._mail = MailRunner(lambda: self._make_service(live))
        return self._mail

    def _make_service(self, live: Live) -> MailService:
        from confobjects.service.alerting import Alerts
        from confobjects.service.serving import MailService

        return MailService(
            lambda: live.configuration,
            unsealed=self._options.is_unsealed,
            beside=(Alerts(live),),
            networks=self._web.targets.networks_for(None),
        )


def make_tell(loop: asyncio.AbstractEventLoop, hub: Hub) -> Tell:
    """Return what tells the streams in an event loop of a round, from another thread."""

    def tell(round_: Round, starts_again: bool) -> None:
        act = partial(hub.restart, "definitions") if starts_again else hub.publish
        with suppress(RuntimeError):  # nobody hears any more
            loop.call_soon_threadsafe(act, round_)

    return tell


__all__ = ["ROOT", "ProcessOptions", "WebProcess", "make_tell"]
