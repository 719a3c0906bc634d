"""The process that serves as a whole: TLS, its states and numbers, systemd, the mail service in it, and its end."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme

from confobjects import startup
from confobjects.web.app import API
from confobjects.web.identity.people_file import find_people_file
from confobjects.web.serving.hub import Hub
from confobjects.web.serving.notices import ProcessNotices
from confobjects.web.serving.states import find_state
from tests.cli.sessions import INSTALLABLE, run
from tests.cli.watchers import LONG
from tests.following.services import File
from tests.following.test_systemd import Manager
from tests.servers import processes, slapd
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.fixtures import schema_of_everything
from tests.service.places import make_place
from tests.service.processes import UNSEALED, wait_until
from tests.web.people import bearer, make_people
from tests.web.serving import ServeProcess
from tests.web.test_live import make_round


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A configuration in a file, with a token for each role."""
    made = File(tmp_path)
    make_people(Path(find_people_file(None, made.url, {})))
    assert startup.file_of(made.url) == str(made.path)
    return made


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"), str(tmp_path / "notify"))
    with made.socket:
        yield made


@contextmanager
def open_stream(process: ServeProcess) -> Iterator[http.client.HTTPResponse]:
    """Open an event stream."""
    with closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=LONG)) as made:
        made.request("GET", f"{API}/events", headers=bearer("reader"))
        with made.getresponse() as stream:
            yield stream


def read_until(stream: http.client.HTTPResponse, wanted: str) -> str:
    """Return the next line of a stream that has a text in it."""
    for line in iter(stream.readline, b""):
        if wanted in line.decode():
            return line.decode()
    raise AssertionError(wanted)


def is_ready(process: ServeProcess) -> bool:
    return process.ask("/ready").status == 200


# -- states and numbers ------------------------------------------------------------------------------------------------


def test_the_states_of_the_process_in_a_word() -> None:
    hub = Hub()
    assert find_state(hub) == "not-followed"
    hub.publish(make_round(1))
    assert find_state(hub) == "ready"
    hub.close()
    assert find_state(hub) == "ending"


def test_it_is_ready_when_the_configuration_is_in_effect(file: File) -> None:
    file.set(smtp_server="&{env:NOWHERE}")
    with ServeProcess(file.url) as process:
        process.wait_for_start()
        process.err.until(lambda line: "/mail-server/one, smtp-server" in line)
        answer = process.ask("/ready")
        assert (answer.status, json.loads(answer.body)) == (503, {"status": "not-followed"})
        file.set(smtp_server="mended.example.com")
        wait_until(lambda: is_ready(process))


def test_numbers_are_for_who_may_read(file: File) -> None:
    with ServeProcess(file.url) as process:
        process.wait_for_start()
        wait_until(lambda: is_ready(process))
        assert process.ask("/metrics").status == 401
        assert process.ask("/metrics", headers=bearer("sender")).status == 403
        answer = process.ask("/metrics", headers=bearer("reader"))
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = answer.body.decode().splitlines()
        assert 'confobjects_web_requests_total{method="GET",status="403"} 1' in lines
        assert "confobjects_web_ready 1" in lines
        assert "confobjects_web_change 1" in lines


# -- what changes ------------------------------------------------------------------------------------------------------


def test_a_stream_tells_a_change_and_ends_with_the_process(file: File) -> None:
    with ServeProcess(file.url) as process:
        process.wait_for_start()
        with open_stream(process) as stream:
            read_until(stream, '"followed":true')
            file.set(auth_username="ann", auth_password="s3cret")
            assert "s3cret" not in read_until(stream, '"auth-password"')
            assert run("definitions", "install", "--url", file.url, str(INSTALLABLE / "service.json")).status == 0
            read_until(stream, '"definitions"')
            assert process.end() == 0
            assert b"s3cret" not in stream.read()
        assert not any("s3cret" in line for line in process.err.rest())


# -- TLS ---------------------------------------------------------------------------------------------------------------


def find_shown(port: int, context: ssl.SSLContext) -> bytes | None:
    """Return the certificate that a process shows."""
    with (
        socket.create_connection(("127.0.0.1", port), LONG) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_shown_by_the_running_process(file: File, tmp_path: Path) -> None:
    authority, path = trustme.CA(), tmp_path / "both.pem"

    def renew() -> None:
        made = authority.issue_cert("127.0.0.1")
        made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "fresh"))
        os.replace(tmp_path / "fresh", path)

    renew()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with ServeProcess(file.url, "--certificate", str(path)) as process:
        process.wait_for_start()
        answer = process.ask("/health", context=context)
        assert (answer.status, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
        first = find_shown(process.port, context)
        renew()
        wait_until(lambda: find_shown(process.port, context) != first)
        assert process.end() == 0


# -- systemd -----------------------------------------------------------------------------------------------------------


def test_systemd_hears_of_the_start_the_state_and_the_end(file: File, manager: Manager) -> None:
    with ServeProcess(file.url, env={**manager.environment, "WATCHDOG_USEC": "20000"}) as process:
        process.wait_for_start()
        told: list[str] = []
        while "STATUS=change 1 in effect" not in told or "WATCHDOG=1" not in told:
            told += manager.receive()
        assert told[0] == "READY=1"
        assert run("definitions", "install", "--url", file.url, str(INSTALLABLE / "service.json")).status == 0
        while "STATUS=change 2 in effect" not in told:
            told += manager.receive()
        assert "STOPPING=1" not in told, "the live configuration began anew, and the process did not end"
        assert process.end() == 0
        while "STOPPING=1" not in told:
            told += manager.receive()
        assert told.count("READY=1") == 1


def test_without_systemd_nothing_is_told() -> None:
    notices = ProcessNotices({}, lambda: None)
    notices.begin()
    notices.go_on()
    notices.stop()


# -- the mail service --------------------------------------------------------------------------------------------------


def test_the_mail_service_runs_in_the_process_also_with_other_definitions(tmp_path: Path) -> None:
    with FakeSmtp() as server:
        url = make_place(tmp_path, server.port, sender="news")
        make_people(Path(find_people_file(None, url, {})))

        def send() -> None:
            found = run("send-mail", "--url", url, UNSEALED, "--to", "ann@x.test", "--subject", "x", "--body", "y")
            assert found.status == 0, found

        target = ("--allow-target", f"127.0.0.1:{server.port}")
        with ServeProcess(url, "--mail-service", UNSEALED, *target) as process:
            process.wait_for_start()
            send()
            wait_until(lambda: len(server.messages) == 1)
            assert run("definitions", "install", "--url", url, str(INSTALLABLE / "service.json")).status == 0
            send()
            wait_until(lambda: len(server.messages) == 2)
            answer = process.ask("/metrics", headers=bearer("reader"))
            assert "confobjects_mail_accepted_total 2" in answer.body.decode().splitlines()
            assert process.end() == 0


def test_a_mail_to_this_machine_waits_unless_that_target_was_named(tmp_path: Path) -> None:
    with FakeSmtp() as server:
        url = make_place(tmp_path, server.port, sender="news")
        with ServeProcess(url, "--mail-service", UNSEALED) as process:
            process.wait_for_start()
            words = ("send-mail", "--url", url, UNSEALED, "--to", "ann@x.test", "--subject", "x", "--body", "y", "-s")
            sent = run(*words).out.strip()
            shown = ("mail-queue", "show", sent, "--url", url)
            wait_until(lambda: "target-refused" in run(*shown).out)
            assert process.end() == 0
        assert server.connections == 0


def test_a_ledger_that_cannot_be_opened_is_said_and_the_rest_is_served(tmp_path: Path) -> None:
    url = make_place(tmp_path, 1, sender="news")
    with ServeProcess(url, "--mail-service") as process:
        process.wait_for_start()
        process.err.until(lambda line: "the mail service does not run" in line)
        wait_until(lambda: is_ready(process))
        assert process.end() == 0


def test_mail_is_handed_in_to_an_unsealed_ledger_that_another_process_delivers_from(tmp_path: Path) -> None:
    url = make_place(tmp_path, 1, sender="news")
    make_people(Path(find_people_file(None, url, {})))
    mail, headers = b'{"to": ["ann@example.com"]}', {**bearer("sender"), "Content-Type": "application/json"}
    for options, status in (((), 503), ((UNSEALED,), 202)):
        with ServeProcess(url, *options) as process:
            process.wait_for_start()
            assert process.ask(f"{API}/mails", "POST", mail, headers).status == status
            assert process.end() == 0


# -- a directory that goes away ----------------------------------------------------------------------------------------


def test_a_directory_that_goes_away_is_said_in_the_log_and_so_is_its_return(tmp_path: Path) -> None:
    password, people = tmp_path / "password", tmp_path / "people"
    password.write_text(slapd.PASSWORD)
    make_people(people)
    with slapd.Slapd(schema=(schema_of_everything("openldap"),)) as server:
        url, login = f"{server.url}ou=web,{slapd.SUFFIX}", ("-D", slapd.ROOT_DN, "-j", str(password))
        assert run("init", "--url", url, *login).status == 0
        with ServeProcess(url, *login, env={"CONFOBJECTS_PEOPLE_FILE": str(people)}) as process:
            process.wait_for_start()
            wait_until(lambda: is_ready(process))
            processes.stop(server.process)
            process.err.until(lambda line: "log: " in line and server.url.rstrip("/") in line)
            assert process.ask(f"{API}/objects/mail-servers", headers=bearer("reader")).status == 503
            assert process.ask("/health").status == 200
            wait_until(lambda: not is_ready(process))
            server.start()
            process.err.until(lambda line: "changes of the configuration are heard again" in line)
            wait_until(lambda: is_ready(process))
            assert process.end() == 0
