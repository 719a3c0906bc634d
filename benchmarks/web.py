"""The process that serves: one of many objects and a list of them by REST, pages of the console, event streams, and clients that
write at the same time. A read is compared with a bare route of the same server, in turns.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import configuration
from benchmarks.harness import BenchmarkError, Report, Target, environment, program
from confobjects.storage.history import HistoryStep, digest_of, line_of, path_of, state_line_of
from confobjects.web.identity.credentials import Credentials, Token, digest_token
from confobjects.web.identity.people_file import PeopleFile, find_people_file

OBJECTS: Final = 10_000
RECORDS: Final = 2_000
"""Changes of one object in the history, after the one that has made all of them."""
REQUESTS: Final = 1_000
ROUNDS: Final = 5
BARE: Final = "/health"
"""A route that asks nobody and looks at nothing."""
LIST: Final = "/api/v1/objects/mail-servers?limit=50"
LISTS: Final = 100
PAGES: Final = {
    "the overview": "/",
    "the list": "/objects/mail-servers",
    "an object": "/objects/mail-servers/server-1234",
    "a new object": "/new/mail-servers?type=generic",
    "the history": "/history",
    "the history of an object": "/history?of=/mail-server/server-1234",
    "the last change": f"/history/{RECORDS + 2}",
}
VIEWS: Final = 20
"""How often each page is looked at."""
STREAMS: Final = 100
WRITERS: Final = 16
CHANGES: Final = 4
"""Changes that each writer makes."""
SETTING: Final = "mail.smtp.timeout="
FIRST: Final = 6000
"""The number from which the writers count up."""
PATIENCE: Final = 120.0
TOKEN: Final = "cfo_token-of-the-benchmark"
LOGIN: Final = {"Authorization": f"Bearer {TOKEN}"}
ONE: Final = "/api/v1/objects/mail-servers/server-1234"
MERGE: Final = "application/merge-patch+json"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Server:
    """A process that serves, and what it has used."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that is kept."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    @property
    def processor(self) -> float:
        """Seconds of processor time."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Resident memory now, in MiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


@contextmanager
def serve(directory: Path, *, has_past: bool = False) -> Iterator[Server]:
    """Serve a configuration of many objects, with a long history if it ``has_past``, and wait until it is in effect."""
    directory.mkdir()
    file = configuration.write(directory, OBJECTS)
    if has_past:
        _lengthen_history(file)
    url = f"ldif:{file}"
    people = PeopleFile(find_people_file(None, url, {}))
    token = Token("benchmark", "administrator", digest_token(TOKEN), "2026-11-29T12:00:00Z")
    people.change(lambda _: Credentials().with_token(token))
    words = [program("confobjects"), "serve", "--url", url, "--listen", "127.0.0.1:0", "-s"]
    variables = {**environment(str(directory)), **configuration.VARIABLES}
    with (
        open(directory / "log", "w", encoding="utf-8") as log,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, env=variables) as process,
    ):
        try:
            assert process.stdout is not None
            place = process.stdout.readline().strip()
            if not place:
                raise BenchmarkError((directory / "log").read_text(encoding="utf-8"))
            server = Server(process, int(place.rpartition(":")[2]))
            _wait_until_ready(server)
            yield server
        finally:
            process.terminate()


def _lengthen_history(file: Path) -> None:
    """Add a change that has made all objects, and many changes of one object, to the history of a configuration."""
    history = Path(path_of(str(file)))
    [made] = [one for line in history.read_text(encoding="utf-8").splitlines() if "record" in (one := json.loads(line))]
    digest, [change] = digest_of(file.read_bytes()), made["record"]["changes"]
    every = [{**change, "path": [["mail-server", f"server-{number}"]]} for number in range(OBJECTS - 1)]
    wanted = [(made["after"], every), *((digest, [every[number % 50]]) for number in range(RECORDS))]
    with history.open("a", encoding="utf-8") as text:
        for number, (before, changes) in enumerate(wanted, made["number"] + 1):
            note = json.dumps({**made["record"], "changes": changes}, separators=(",", ":"))
            text.write(line_of(HistoryStep(number, before, digest, text=note)) + state_line_of(number, "done"))


def _wait_until_ready(server: Server) -> None:
    end = time.monotonic() + PATIENCE
    while _ask(server.connect(), "GET", "/ready")[0] != 200:
        if time.monotonic() > end:
            raise BenchmarkError("the configuration does not come into effect")
        time.sleep(0.1)


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, str, bytes]:
    """Return status, entity tag and body of an answer."""
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {**LOGIN, **{name.replace("_", "-"): one for name, one in headers.items()}})
    answer = connection.getresponse()
    return answer.status, answer.getheader("ETag", ""), answer.read()


# -- what is measured --------------------------------------------------------------------------------------------------


def measure() -> Report:
    """Measure reading, memory and writing, then pages with a long history."""
    title = f"REST, console and event streams of {OBJECTS:,} objects in a file; pages with {RECORDS:,} changes in its history"
    report = Report("web", title)
    report.lines.append(
        f"other work on the machine at the start: {os.getloadavg()[0]:.1f} runnable for {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as directory:
        with serve(Path(directory, "new")) as server:
            _measure_reading(server, report)
            _measure_lists(server, report)
            _measure_streams(server, report)
            _measure_writing(server, report)
        with serve(Path(directory, "old"), has_past=True) as server:
            _measure_pages(server, report)
    return report


def _measure_reading(server: Server, report: Report) -> None:
    connection, spent, used = server.connect(), list[float](), dict[str, list[float]]({ONE: [], BARE: []})
    for _ in range(50):
        _require(_ask(connection, "GET", ONE)[0], 200)
    for path in (ONE, BARE) * ROUNDS:
        before = server.processor
        taken = [_time(connection, path) for _ in range(REQUESTS)]
        used[path].append(server.processor - before)
        spent.extend(taken if path == ONE else ())
    rate, bare = (REQUESTS / median(used[path]) for path in (ONE, BARE))
    ratio = median(one / other for one, other in zip(used[ONE], used[BARE], strict=True))
    report.lines += [
        f"GET of one object, a token judged: median {median(spent):.2f} ms, {rate:,.0f} a second of one core",
        f"GET of a bare route: {bare:,.0f} a second of one core; the object takes {ratio:.2f} times as long, in pairs",
    ]
    report.figures["get"] = {
        "median_ms": round(median(spent), 3),
        "per_core_second": round(rate),
        "bare_per_core_second": round(bare),
        "against_bare": round(ratio, 3),
    }
    report.targets += [
        Target("GET of one object, median", 2.0, median(spent), "ms"),
        Target("processor time of 1,000 GETs", 0.5, 1000 / rate, "s"),
    ]


def _time(connection: http.client.HTTPConnection, path: str) -> float:
    """Return how long an answer takes, in milliseconds."""
    began = time.perf_counter()
    status, _, _ = _ask(connection, "GET", path)
    taken = 1000 * (time.perf_counter() - began)
    _require(status, 200)
    return taken


def _measure_lists(server: Server, report: Report) -> None:
    connection = server.connect()
    _time(connection, LIST)
    taken = median(_time(connection, LIST) for _ in range(LISTS))
    report.lines.append(f"list of 50 of the objects: median {taken:.1f} ms")
    report.figures["list_ms"] = round(taken, 2)
    report.targets.append(Target("list of 50 objects, median", 30.0, taken, "ms"))


def _measure_pages(server: Server, report: Report) -> None:
    connection, figures = server.connect(), dict[str, dict[str, float]]()
    for name, path in PAGES.items():
        first = _time(connection, path)
        taken = median(_time(connection, path) for _ in range(VIEWS))
        page = _ask(connection, "GET", path)[2]
        assets = set(re.findall(rb'(?:href|src)="(/static/[^"]+)"', page))  # a browser fetches each once
        size = (len(page) + sum(len(_ask(connection, "GET", one.decode())[2]) for one in assets)) / 1000
        report.lines.append(
            f"{name:26} median {taken:5.1f} ms, at first {first:6.1f} ms, {size:5.1f} KB with {len(assets)} files"
        )
        figures[name] = {
            "median_ms": round(taken, 2),
            "first_ms": round(first, 1),
            "kb": round(size, 1),
            "files": len(assets),
        }
    report.lines.append(f"memory with a long history, after all pages: {server.memory:.0f} MiB")
    report.figures["pages"] = figures
    report.targets += [
        Target(
            "the slowest page of the console, median", 100.0, max(one["median_ms"] for one in figures.values()), "ms"
        ),
        Target("the largest page at the first view", 100.0, max(one["kb"] for one in figures.values()), "KB"),
        Target("files that a page needs", 4, max(one["files"] for one in figures.values()), "files"),
    ]


def _measure_streams(server: Server, report: Report) -> None:
    with ExitStack() as opened:
        streams = []
        for _ in range(STREAMS):
            connection = server.connect()
            opened.callback(connection.close)
            connection.request("GET", "/api/v1/events", headers=LOGIN)
            stream = opened.enter_context(connection.getresponse())
            _require(stream.status, 200)
            streams.append(stream)
            _read_until(stream, b"data: ")
        memory, before, began = server.memory, server.processor, time.perf_counter()
        _patch(server, f"{SETTING}{FIRST}")
        for stream in streams:
            _read_until(stream, b'"event":"change"')
        heard, used = 1000 * (time.perf_counter() - began), 1000 * (server.processor - before)
    report.lines += [
        f"memory with {STREAMS} event streams: {memory:.0f} MiB",
        f"a change, until the last of {STREAMS} streams has told it: {heard:.0f} ms, {used:.0f} ms of the processor",
    ]
    report.figures["streams"] = {"number": STREAMS, "memory_mib": round(memory), "told_ms": round(heard)}
    report.targets.append(Target(f"memory with {STREAMS} event streams", 150.0, memory * 1.048576, "MB"))


def _patch(server: Server, setting: str) -> None:
    connection = server.connect()
    _, tag, _ = _ask(connection, "GET", ONE)
    body = {"properties": {"smtp-property": [setting]}}
    status, _, text = _ask(connection, "PATCH", ONE, body, If_Match=tag, Content_Type=MERGE)
    if status != 200:
        raise BenchmarkError(text.decode())


def _read_until(stream: http.client.HTTPResponse, wanted: bytes) -> None:
    for line in iter(stream.readline, b""):
        if wanted in line:
            return
    raise BenchmarkError("an event stream has ended")


def _measure_writing(server: Server, report: Report) -> None:
    began = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as pool:
        refused = sum(pool.map(_write, [server] * WRITERS))
    seconds = time.perf_counter() - began
    _, _, text = _ask(server.connect(), "GET", ONE)
    lost = FIRST + WRITERS * CHANGES - _read_number(json.loads(text))
    report.lines.append(
        f"{WRITERS} clients that change one object {CHANGES} times each: {WRITERS * CHANGES / seconds:.0f} changes a second, "
        f"{refused} refused because of another client, {lost} lost"
    )
    report.figures["writing"] = {
        "changes": WRITERS * CHANGES,
        "seconds": round(seconds, 2),
        "refused": refused,
        "lost": lost,
    }
    report.targets.append(Target("changes that were acknowledged and lost", 0, lost, "changes"))


def _read_number(document: Any) -> int:
    found: str = document["properties"]["smtp-property"][0]
    return int(found.removeprefix(SETTING))


def _write(server: Server) -> int:
    """Count up, each time by reading and patching until nobody else was faster; return how often somebody was."""
    connection, refused = server.connect(), 0
    for _ in range(CHANGES):
        while True:
            _, tag, text = _ask(connection, "GET", ONE)
            body = {"properties": {"smtp-property": [f"{SETTING}{_read_number(json.loads(text)) + 1}"]}}
            status, _, text = _ask(connection, "PATCH", ONE, body, If_Match=tag, Content_Type=MERGE)
            if status == 200:
                break
            if status not in (409, 412):
                raise BenchmarkError(text.decode())
            refused += 1
    return refused


def _require(status: int, wanted: int) -> None:
    if status != wanted:
        raise BenchmarkError(f"status {status}")
