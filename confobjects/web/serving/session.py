"""One run of the process, from the options to its end."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from confobjects import startup
from confobjects.cli.watching.logs import log_as_json, log_as_lines
from confobjects.cli.watching.signals import StopRequest, stop_on_signals
from confobjects.records import Record, field
from confobjects.web.identity.directory import Directory, DirectoryRule
from confobjects.web.identity.first import FirstLink
from confobjects.web.identity.people_file import PeopleFile, find_people_file
from confobjects.web.identity.recognition import Identity
from confobjects.web.served import Served
from confobjects.web.serving.access_log import Served as Answered
from confobjects.web.serving.access_log import format_json, format_text
from confobjects.web.serving.following import log_problems
from confobjects.web.serving.hub import Hub
from confobjects.web.serving.listening import (
    Listening,
    format_url,
    is_loopback,
    judge_listening,
)
from confobjects.web.serving.opening import ServedPlace
from confobjects.web.serving.process import ProcessOptions, WebProcess
from confobjects.web.serving.server import open_socket
from confobjects.web.site import Web
from confobjects.web.sources import ReadVariables, Sources
from confobjects.web.targets import Targets

if TYPE_CHECKING:
    import socket
    import ssl

    from confobjects.cli.invocation import Invocation
    from confobjects.web.identity.openid import OpenId, OpenIdRule

LOG: Final = logging.getLogger("confobjects.web")


class ServeOptions(Record):
    """How it is served: where, whether the log is JSON, the seconds for the configuration to be there at the start, the files of
    the certificate and its key, the targets that were named, whether the mail service runs in the process, and with a
    ledger that is not sealed. ``directory`` is how people sign in with the directory of the configuration,
    ``environments`` reads the variables of other machines, ``openid`` is how people sign in at an identity provider.
    """

    listening: Listening
    logs_json: bool = False
    timeout: float | None = None
    certificate: str = ""
    key: str = ""
    targets: Targets = Targets()
    has_mail_service: bool = False
    is_unsealed: bool = False
    directory: DirectoryRule | None = None
    environments: Mapping[str, ReadVariables] = field(default_factory=dict)
    openid: OpenIdRule | None = None


class ServeSession:
    """One run of the process."""

    def __init__(self, invocation: Invocation, options: ServeOptions) -> None:
        self._invocation = invocation
        self._options = options
        self._place = ServedPlace(invocation)
        url = self._place.url
        self._people = PeopleFile(find_people_file(None, url, os.environ), startup.file_of(url))

    def run(self) -> int:
        """Serve until somebody ends it, and return the exit status."""
        with ExitStack() as opened:
            opened.enter_context(self._log())
            opened.enter_context(stop_on_signals())
            opened.enter_context(suppress(StopRequest, KeyboardInterrupt))
            bound = opened.enter_context(open_socket(self._options.listening.host, self._options.listening.port))
            address, port = bound.getsockname()[:2]
            judge_listening(self._options.listening, address)
            self._people.read()
            context = self._open_context()
            if self._invocation.dry_run:
                self._place.open_context().close()
                self._tell_address(address, port)
                return 0
            self._place.wait_for_it(self._options.timeout, log_problems)
            rule = self._options.directory
            served = Served(self._place.open_context, act_as=rule is not None and rule.act_as)
            opened.callback(served.close)
            self._serve(self._make_web(served), bound, context)
        return 0

    def _make_web(self, served: Served) -> Web:
        directory, make = self._invocation.place.instance_directory, self._invocation.make_sources
        sources = Sources(directory, self._options.environments, make)
        identity, is_unsealed = self._make_identity(served), self._options.is_unsealed
        targets = self._options.targets
        return Web(served, identity, Hub(), targets=targets, sources=sources, unsealed_ledger=is_unsealed)

    def _make_identity(self, served: Served) -> Identity:
        rule = self._options.directory
        directory = None if rule is None else Directory(served, rule)
        return Identity(self._people, directory=directory, openid=_make_openid(self._options.openid))

    def _log(self) -> ExitStack:
        opened = ExitStack()
        debug = bool(self._invocation.options["debug"])
        if self._options.logs_json:
            opened.enter_context(log_as_json(is_sealed=True))
        else:
            from confobjects.service.logs import hide_addresses

            opened.enter_context(log_as_lines(debug=debug, change=hide_addresses))
        for name in ("uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).disabled = True  # what they tell is in the access log
        return opened

    def _open_context(self) -> ssl.SSLContext | None:
        """Return the context of TLS, None without a certificate. Raises UsageError."""
        options = self._options
        if not options.certificate:
            return None
        from confobjects.web.serving.certificates import open_certificate

        return open_certificate(options.certificate, options.key, LOG.warning).context

    def _serve(self, web: Web, bound: socket.socket, context: ssl.SSLContext | None) -> None:
        address, port = bound.getsockname()[:2]
        options = self._options
        process = WebProcess(
            self._place,
            web,
            ProcessOptions(options.listening, context, options.has_mail_service, options.is_unsealed),
            lambda: self._begin(web.identity, address, port),
            self._write_json if options.logs_json else self._write_text,
        )
        try:
            asyncio.run(process.run(bound))
        finally:
            if web.identity.first is not None:
                web.identity.first.end()

    def _begin(self, identity: Identity, address: str, port: int) -> None:
        self._tell_address(address, port)
        if identity.people.read().accounts or self._options.directory is not None or identity.openid is not None:
            return
        if self._options.listening.proxies or not is_loopback(address):
            self._note("Nobody can sign in yet: make an account with the role administrator.")
            return
        self._offer_first_link(identity, format_url(self._options.listening, address, port))

    def _offer_first_link(self, identity: Identity, url: str) -> None:
        """Show the link that makes the first administrator, or write it into a file if nobody sees it."""
        identity.first = FirstLink(identity.people, is_loopback)
        link = f"{url}{identity.first.make()}"
        if sys.stderr.isatty() and not self._options.logs_json:
            self._invocation.note(
                f"Nobody can sign in yet. This link makes the first administrator, within ten minutes:\n{link}"
            )
            return
        identity.first.write(link)
        told = f"Nobody can sign in yet. The link that makes the first administrator is in {identity.first.file}"
        self._note(f"{told}, for ten minutes")

    def _note(self, text: str) -> None:
        """Say something to whoever runs the process: where the log is JSON, as a line of it."""
        if self._options.logs_json:
            LOG.warning("%s", text)
        else:
            self._invocation.note(text)

    def _write_text(self, one: Answered) -> None:
        sys.stderr.write(f"{format_text(one)}\n")

    def _write_json(self, one: Answered) -> None:
        sys.stderr.write(f"{format_json(one)}\n")

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


def _make_openid(rule: OpenIdRule | None) -> OpenId | None:
    if rule is None:
        return None
    from confobjects.web.identity.openid import OpenId

    return OpenId(rule)
