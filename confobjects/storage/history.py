"""The history of an LDIF file: ``<file>.history``, an append-only file.

Laws of this module:

1. A change is recorded on disk before the file is replaced, with the digests of the file before and after it. So the
   next reader can tell from the file alone what happened, whenever the writer died: the digest after the change
   means that the change was made, the digest before it means that it was not.
2. A digest that matches neither means that somebody edited the file. The edit gets a line of its own.
3. An incomplete line belongs to a change that was not made, and is skipped.
4. The file contains old secrets, so only its owner can read it.
5. A file that looks as the last change left it has the digest after that change: it need not be read to tell.
6. Another history has another epoch: a random text in its first line. Of a history that began without one, the digest of
   its first change stands for it.

A line is a JSON object: ``format`` and ``epoch`` (the first line), a change (``number``, ``before``, ``after``, ``record``,
``secret``), an edit (``number``, ``edited``, ``before``, ``after``), a change without a record (``before``,
``after``), or
the outcome of a change (``number``, ``state``, and ``file``: what the file looked like then).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from time import gmtime, strftime
from typing import Any, BinaryIO, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import BrokenDataError
from confobjects.mapping.journal import Moment, Note, NotedChange, State
from confobjects.records import Record, field
from confobjects.storage import files, own_files, replacing

FORMAT: Final = 1
_STATES: Final = ("done", "void", "pending", "unclear", "edited")
_BEGINNINGS: Final = (b'{"format"', b'{"number"', b'{"before"')
_FORMAT_LINE: Final = b'{"format":'
_TAIL: Final = 1 << 16
_APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT


class HistoryStep(Record):
    """One line that took the file from one digest to another. ``number`` is 0 if the caller asked for no record."""

    number: int
    before: str
    after: str
    edited: bool = False
    text: str = ""
    secret: str = field(default="", repr=False)
    when: str = ""


def digest_of(data: bytes | None) -> str:
    """Return the digest of a file's content, empty for a missing file."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def time_of(nanoseconds: int) -> str:
    """Return a time of a file in UTC, to the second."""
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(nanoseconds // 10**9))


# -- lines -----------------------------------------------------------------------------------------------------------


def _embed_note(text: str) -> Any:
    """Return a note as it is written in a line: as a JSON object, if that loses nothing."""
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and _dump_json(found) == text:
            return found
    return text


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _extract_note(value: Any) -> str:
    return value if isinstance(value, str) else _dump_json(value)


def line_of(step: HistoryStep) -> str:
    """Return a step as a line."""
    line: dict[str, Any] = {"number": step.number} if step.number else {}
    if step.edited:
        line["edited"] = step.when
    line.update(before=step.before, after=step.after)
    if step.text:
        line["record"] = _embed_note(step.text)
    if step.secret:
        line["secret"] = _embed_note(step.secret)
    return _dump_json(line) + "\n"


def state_line_of(number: int, state: State, left: files.FileSignature | None = None) -> str:
    """Return the line that records the outcome of a change; ``left`` is what the file looked like after it."""
    line: dict[str, Any] = {"number": number, "state": state}
    if left is not None:
        line["file"] = [left.device, left.inode, left.size, left.modified]
    return _dump_json(line) + "\n"


class HistoryLines:
    """Lines as they were read: the steps in order, and the outcomes that later lines record.

    ``written`` is when the last of them was written, in nanoseconds by the clock of the file system; 0 if that is not known.
    """

    def __init__(self, data: bytes, origin: str, written: int = 0) -> None:
        self.written = written
        self.steps: list[HistoryStep] = []
        self.states: dict[int, State] = {}
        self.left: dict[int, files.FileSignature] = {}
        """What the file looked like after a change."""
        self.epoch = ""
        self.foreign = 0
        """The number of lines that were certainly not written here; an unfinished one begins like the others."""
        for line in data.split(b"\n"):
            self._take_line(line, origin)

    def _take_line(self, line: bytes, origin: str) -> None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            self.foreign += bool(line.strip()) and not line.startswith(_BEGINNINGS) and line not in _FORMAT_LINE
            return
        if not isinstance(found, dict):
            self.foreign += 1
            return
        if found.get("format", FORMAT) != FORMAT:
            summary = "the history was written by a newer version of confobjects"
            raise BrokenDataError(
                Diagnostic("broken-data", summary, origin=origin, remedy="use that version or a newer one")
            )
        if isinstance(found.get("epoch"), str):
            self.epoch = found["epoch"]
        number = found.get("number", 0)
        if type(number) is not int or number < 0:
            return
        state = found.get("state")
        if state in _STATES:
            self.states[number] = state
            if (left := _signature_from(found.get("file"))) is not None:
                self.left[number] = left
        elif "after" in found:
            self.steps.append(_step_from(number, found))

    @property
    def is_settled(self) -> bool:
        """Whether the outcome of the last change is recorded. If not, a writer may still be working on it."""
        last = self.steps[-1] if self.steps else None
        return last is None or last.edited or last.number in self.states

    def find_digest(self, now: files.FileSignature) -> str | None:
        """Return the digest of a file by what it looks like now; None if that does not tell.

        It tells if the last change left the file so, and was recorded later than the time of the file: any edit since
        then has given it another time.
        """
        last = self.steps[-1] if self.steps else None
        if last is None or self.states.get(last.number) != "done" or self.left.get(last.number) != now:
            return None
        return last.after if now.modified < self.written else None

    def resolve_states(self, now: str) -> list[tuple[HistoryStep, State]]:
        """Return each step with its outcome. ``now`` is the current digest of the file."""
        result: list[tuple[HistoryStep, State]] = []
        following = [*(step.before for step in self.steps), now][1:]
        for step, later in zip(self.steps, following, strict=True):
            result.append((step, self._state_of(step, later)))
        return result

    def _state_of(self, step: HistoryStep, later: str) -> State:
        if step.edited:
            return "edited"
        if step.number in self.states and step.number:
            return self.states[step.number]
        if later == step.after:
            return "done"
        return "void" if later == step.before else "unclear"


def _signature_from(found: Any) -> files.FileSignature | None:
    """Return the signature in a line, if it is one."""
    if isinstance(found, list) and len(found) == 4 and all(type(one) is int for one in found):
        return files.FileSignature(*found)
    return None


def _step_from(number: int, found: dict[str, Any]) -> HistoryStep:
    return HistoryStep(
        number,
        str(found.get("before", "")),
        str(found["after"]),
        "edited" in found,
        _extract_note(found.get("record", "")),
        _extract_note(found.get("secret", "")),
        str(found.get("edited", "")),
    )


def _digest_after(step: HistoryStep, state: State, now: str) -> str:
    """Return the digest that a step left, or the current one if that is unknown."""
    return {"void": step.before, "unclear": now}.get(state, step.after)


def list_changes(lines: HistoryLines, now: str, when: str, since: int = 0) -> list[NotedChange]:
    """Return the numbered steps after a number that took effect, the oldest first, and the edit that is not recorded yet.

    The lines need not go back further than to a step with that number, or a lower one.
    """
    resolved = lines.resolve_states(now)
    result = [
        NotedChange(step.number, state, step.text, step.secret, step.when)
        for step, state in resolved
        if step.number and state != "void"
    ]
    if resolved:
        step, state = resolved[-1]
        if state == "unclear" or _digest_after(step, state, now) != now:
            number = max(step.number for step, _ in resolved) + 1
            result.append(NotedChange(number, "edited", when=when))
    return [one for one in result if one.number > since]


# -- the file --------------------------------------------------------------------------------------------------------


def path_of(path: str) -> str:
    """Return the path of the history of a file."""
    return path + ".history"


def read(path: str, since: int = 0) -> HistoryLines:
    """Return the history of a file: all of it, or its last lines, back to a step with a number or a lower one."""
    place = path_of(path)
    if not since or not os.path.lexists(place):
        return HistoryLines(own_files.read_own(place, path) or b"", place)
    descriptor = own_files.open_own(place, os.O_RDONLY, path)
    with files.translate_errors("read the history", place), open(descriptor, "rb") as file:
        return _read_end(file, place, lambda number: 0 < number <= since)


def _read_end(file: BinaryIO, origin: str, is_enough: Callable[[int], bool]) -> HistoryLines:
    """Return the last lines of a history, back to a step with a number that is enough."""
    written = os.fstat(file.fileno()).st_mtime_ns
    size = file.seek(0, os.SEEK_END)
    length = _TAIL
    while True:
        start = max(0, size - length)
        file.seek(start)
        data = file.read()
        lines = HistoryLines(data if not start else data.partition(b"\n")[2], origin, written)
        if not start or any(is_enough(step.number) for step in lines.steps):
            return lines
        length *= 4


def read_moment(path: str) -> Moment:
    """Return where the history of a file stands: nothing but its beginning and its end is read."""
    place = path_of(path)
    if not os.path.lexists(place):
        return Moment("", 0)
    descriptor = own_files.open_own(place, os.O_RDONLY, path)
    with files.translate_errors("read the history", place), open(descriptor, "rb") as file:
        epoch = _find_epoch(file.read(_TAIL), place)
        last = _read_end(file, place, lambda number: number > 0)
    return Moment(epoch, max((step.number for step in last.steps), default=0))


def _find_epoch(start: bytes, origin: str) -> str:
    """Return the epoch of a history from how it begins, empty while it has no change."""
    whole = start if len(start) == _TAIL else start.rpartition(b"\n")[0]
    for line in whole.split(b"\n"):
        found = HistoryLines(line, origin)
        if found.epoch:
            return found.epoch
        if found.steps or len(line) == _TAIL:
            return digest_of(line)
    return ""


class HistoryWriter:
    """Writes to the history of a file. The caller must hold the lock of the file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = path_of(path)

    def intend(self, before: str, after: str, record: Note | None, edited: str) -> int:
        """Record the coming change durably, and return its number, or 0 if there is nothing to record.

        ``edited`` is the time of the file, for a manual edit that is discovered now.
        """
        is_new = not os.path.exists(self.file)
        if record is None and is_new:
            return 0
        lines = [_dump_json({"format": FORMAT, "epoch": os.urandom(16).hex()}) + "\n"] if is_new else []
        last = 0
        if not is_new:
            last, found = self._catch_up(before, edited)
            lines.extend(found)
        number = last + 1 if record is not None else 0
        note = record or Note("")
        lines.append(line_of(HistoryStep(number, before, after, text=note.text, secret=note.secret)))
        self._append("".join(lines).encode(), durable=True)
        if is_new:
            with files.translate_errors("write the history", self.file):
                replacing.sync_directory(os.path.dirname(self.file))
        return number

    def record_state(self, number: int, state: State, left: files.FileSignature | None = None) -> None:
        """Record the outcome of a change, and what the file looks like after it.

        This need not be durable, because the digests show the same.
        """
        if number:
            self._append(state_line_of(number, state, left).encode(), durable=False)

    def _catch_up(self, now: str, when: str) -> tuple[int, list[str]]:
        """Return the last number, and the lines with the outcome of the last change and the edits since."""
        lines = self._read_last()
        if not lines.steps:
            if lines.foreign:
                raise BrokenDataError(_describe_foreign(self.file))
            return 0, []
        resolved = lines.resolve_states(now)
        step, state = resolved[-1]
        last = max(step.number for step, _ in resolved)
        found = (
            [state_line_of(step.number, state)]
            if step.number and not step.edited and step.number not in lines.states
            else []
        )
        left = _digest_after(step, state, now)
        if state == "unclear" or left != now:
            last += 1
            found.append(line_of(HistoryStep(last, left, now, True, when=when)))
        return last, found

    def _read_last(self) -> HistoryLines:
        """Return the last lines, back to the last change that has a number."""
        descriptor = own_files.open_own(self.file, os.O_RDONLY, self.path)
        with files.translate_errors("read the history", self.file), open(descriptor, "rb") as file:
            return _read_end(file, self.file, lambda number: number > 0)

    def _append(self, data: bytes, *, durable: bool) -> None:
        """Append lines. First end the line that a killed writer left unfinished."""
        with files.translate_errors("write the history", self.file):
            descriptor = own_files.open_own(self.file, _APPEND, self.path)
            try:
                size = os.fstat(descriptor).st_size
                if not size:
                    own_files.give_to_owner(descriptor, self.path)
                elif os.pread(descriptor, 1, size - 1) != b"\n":
                    data = b"\n" + data
                _write(descriptor, data, size)
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)


def forget_secrets(path: str, is_kept: Callable[[NotedChange], bool], *, dry_run: bool = False) -> int:
    """Remove the protected part of each line that a function does not keep, and return how many had one.

    The caller must hold the lock of the file. A line that a killed writer left unfinished is removed: it may hold a part of
    a secret.
    """
    place = path_of(path)
    data = own_files.read_own(place, path) or b""
    lines: list[bytes] = []
    gone = 0
    for line in data.splitlines(keepends=True):
        kept = _forget_secret(line, is_kept)
        gone += kept is not line and kept != b""
        lines.append(kept)
    if dry_run or b"".join(lines) == data:
        return gone
    replacing.remove_leftover(place)
    with replacing.Replacement(place, b"".join(lines)) as new:
        new.take_place()
    return gone


def _forget_secret(line: bytes, is_kept: Callable[[NotedChange], bool]) -> bytes:
    """Return a line without its protected part, unless that is kept."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return b"" if line.startswith(_BEGINNINGS) else line
    if not isinstance(found, dict) or "secret" not in found or "after" not in found:
        return line
    step = _step_from(0, found)
    number = found.get("number")
    if is_kept(NotedChange(number if type(number) is int else 0, "done", step.text, step.secret)):
        return line
    del found["secret"]
    return (_dump_json(found) + "\n").encode()


def _describe_foreign(file: str) -> Diagnostic:
    return Diagnostic(
        "broken-data",
        "the history holds no change that can be read: it is damaged, or another program wrote it. Its numbers would begin at 1 again",
        origin=file,
        remedy="restore it from a backup, or move it away to begin a new history; nothing was changed",
    )


def _write(descriptor: int, data: bytes, size: int) -> None:
    """Write everything or nothing, so that a full disk leaves no partial line."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
