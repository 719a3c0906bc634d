"""One run of the process, from the options to its end."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from confobjects.cli.watching.logs import log_as_json, log_as_lines
from confobjects.records import Record
from confobjects.web.app import make_app
from confobjects.web.served import Served
from confobjects.web.serving import states
from confobjects.web.serving.listening import Listening, format_url, judge_listening
from confobjects.web.serving.opening import ServedPlace
from confobjects.web.serving.server import WebServer, make_config, open_socket
from confobjects.web.site import Web

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from starlette.requests import Request

    from confobjects.cli.invocation import Invocation
    from confobjects.diagnostics import Diagnostic
    from confobjects.web.people import Person

LOG: Final = logging.getLogger("confobjects.web")


class ServeOptions(Record):
    """How it is served: where, whether the log is JSON, and the seconds for the configuration to be there at the start."""

    listening: Listening
    logs_json: bool = False
    timeout: float | None = None


async def identify_nobody(_: Request) -> Person | None:
    """Recognise nobody."""
    return None


class ServeSession:
    """One run of the process."""

    def __init__(self, invocation: Invocation, options: ServeOptions) -> None:
        self._invocation = invocation
        self._options = options
        self._place = ServedPlace(invocation)

    def run(self) -> int:
        """Serve until somebody ends it, and return the exit status."""
        with ExitStack() as opened:
            opened.enter_context(self._log())
            bound = opened.enter_context(open_socket(self._options.listening.host, self._options.listening.port))
            address, port = bound.getsockname()[:2]
            judge_listening(self._options.listening, address)
            if self._invocation.dry_run:
                self._place.open_context().close()
                self._tell_address(address, port)
                return 0
            try:
                self._place.wait_for_it(self._options.timeout, log_problems)
            except KeyboardInterrupt:
                return 0
            served = Served(self._place.open_context)
            opened.callback(served.close)
            self._serve(Web(served, identify_nobody), bound)
        return 0

    def _log(self) -> ExitStack:
        opened = ExitStack()
        debug = bool(self._invocation.options["debug"])
        opened.enter_context(log_as_json(is_sealed=True) if self._options.logs_json else log_as_lines(debug=debug))
        for name in ("uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).disabled = True  # what they tell is in the access log
        return opened

    def _serve(self, web: Web, bound: socket.socket) -> None:
        address, port = bound.getsockname()[:2]
        app = make_app(web, (), states.ENDPOINTS)
        server = WebServer(make_config(app), lambda: self._tell_address(address, port), lambda: None)
        asyncio.run(server.serve([bound]))

    def _tell_address(self, address: str, port: int) -> None:
        url = format_url(self._options.listening, address, port)
        dry_run = self._invocation.dry_run
        if self._invocation.form == "json":
            from confobjects.cli.output.json import dumps

            self._invocation.say(dumps({"url": url, "address": address, "port": port, "dry_run": dry_run}))
        elif self._invocation.form == "script":
            self._invocation.say(url)
        else:
            self._invocation.say(f"{'would serve' if dry_run else 'serving'} at {url}")
        sys.stdout.flush()


def log_problems(problems: Sequence[Diagnostic]) -> None:
    """Log what is wrong."""
    for one in problems:
        place = one.describe_place()
        LOG.warning("%s", f"{place}: {one.summary}" if place else one.summary)
