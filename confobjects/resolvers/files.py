"""Values from files: expression files (``*.json``, ``*.properties``), whole files, and files of variables."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ExpressionError
from confobjects.expressions import Failed, Found, NotFound
from confobjects.records import Record, field
from confobjects.resolvers.patience import Patience
from confobjects.resolvers.roots import FileRoots
from confobjects.texts.properties import EscapeError, read_entries

MAX_FILE_SIZE: Final = inputs.SMALL
"""Bytes. ``file:`` is meant for a PIN, a token or a certificate, not for a data file."""


MAX_TOTAL_SIZE: Final = 64 * inputs.SMALL
"""Characters of all expression files together."""
MAX_ENTRIES: Final = 10_000
"""Entries of a directory of expression files, files of other kinds included."""


def read_text(path: str, patience: Patience | None = None) -> str:
    """Return the text of a regular file. Raises ExpressionError with the reason and the path."""
    return _read_with_status(path, 0, patience)[0]


def _read_with_status(path: str, flags: int, patience: Patience | None = None) -> tuple[str, os.stat_result]:
    try:
        data, status = inputs.read_regular(path, MAX_FILE_SIZE, flags, None if patience is None else patience.check)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ExpressionError(_unreadable_problem(path, f"it is larger than {MAX_FILE_SIZE // 1024} KiB")) from None
        raise ExpressionError(_unreadable_problem(path, (error.strerror or str(error)).lower())) from None
    try:
        return data.decode(), status
    except UnicodeDecodeError:
        raise ExpressionError(_unreadable_problem(path, "it is not UTF-8 text")) from None


def _unreadable_problem(path: str, reason: str) -> Diagnostic:
    return Diagnostic("unresolved-expression", f"the file {path} cannot be read: {reason}", origin=path)


class FileFunction:
    """``file:PATH``: the text of a file without one final line end. PATH is relative to the instance directory.

    Whoever writes the configuration chooses the path, and may send the text to a server of his own. So only the
    files that ``roots`` let through are read.
    """

    def __init__(
        self, instance_directory: str, roots: FileRoots | None = None, patience: Patience | None = None
    ) -> None:
        self.instance_directory = instance_directory
        self.patience = patience
        self.roots = FileRoots(instance_directory) if roots is None else roots

    def __call__(self, path: str) -> Found | NotFound | Failed:
        """Return the text. A missing file is not found, so that a default applies; an unreadable one is an error."""
        if "\0" in path:
            return Failed("the path holds a NUL character")
        full = os.path.join(self.instance_directory, path)
        real = os.path.realpath(full)
        if refusal := self.roots.refuse_path(full, real):
            return refusal
        if not os.path.lexists(full):
            return NotFound((f"file {full}",))
        try:
            text, status = _read_with_status(real, os.O_NOFOLLOW, self.patience)
        except ExpressionError as error:
            return Failed(error.diagnostics[0].summary)
        if refusal := self.roots.refuse_file(full, real, status):
            return refusal
        if text.endswith("\n"):
            text = text[:-2] if text.endswith("\r\n") else text[:-1]
        return Found((text,), f"file {path}")


class _TokenValue(Record):
    """The value of a token in an expression file: its texts, or a problem."""

    texts: tuple[str, ...] = field(repr=False)
    origin: str
    problem: str = ""
    splittable: bool = field(default=False, kw_only=True)


class ExpressionFiles:
    """The ``*.json`` and ``*.properties`` files of some directories; the first directory that has a token wins.

    A JSON path is the token: ``{"smtp": {"password": "x"}}`` gives ``smtp.password``. Sub-directories are not read. All
    files together have at most :data:`MAX_TOTAL_SIZE` bytes.
    """

    def __init__(self, directories: Sequence[str], patience: Patience | None = None) -> None:
        self.directories = tuple(directories)
        self._patience = Patience() if patience is None else patience
        self._size = 0
        self._loaded: list[dict[str, _TokenValue]] | None = None
        self._failed: str = ""

    def __call__(self, token: str) -> Found | NotFound | Failed:
        """Return the value that the files have for a token."""
        if self._loaded is None and not self._failed:
            try:
                self._loaded = [self._read_directory(directory) for directory in self.directories]
            except ExpressionError as error:
                self._failed = "; ".join(d.summary for d in error.diagnostics)
        if self._failed:
            return Failed(self._failed, "correct the file; nothing of its directory is used until then")
        for values in self._loaded or ():
            if (value := values.get(token)) is not None:
                if value.problem:
                    return Failed(value.problem)
                return Found(value.texts, value.origin, literal=False, splittable=value.splittable)
        return NotFound(tuple(f"expression files in {directory}" for directory in self.directories))

    def _read_directory(self, directory: str) -> dict[str, _TokenValue]:
        try:
            names = sorted(self._find_names(directory))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            problem = Diagnostic(
                "unresolved-expression", f"the directory of expression files {directory} cannot be read: {reason}"
            )
            raise ExpressionError(problem) from None
        result: dict[str, _TokenValue] = {}
        for name in names:
            path = os.path.join(directory, name)
            read = _read_json if name.endswith(".json") else _read_properties
            text = read_text(path, self._patience)
            self._patience.check()
            self._size += len(text)
            if self._size > MAX_TOTAL_SIZE:
                summary = f"the expression files are larger than {MAX_TOTAL_SIZE >> 20} MiB together"
                raise ExpressionError(Diagnostic("unresolved-expression", summary, origin=path))
            for token, value in read(path, text):
                if token in result and result[token].origin != value.origin:
                    twice = f'the token "{token}" is in two files: {result[token].origin} and {value.origin}'
                    raise ExpressionError(Diagnostic("unresolved-expression", twice, origin=path))
                result[token] = value
        return result

    def _find_names(self, directory: str) -> Iterator[str]:
        """Yield the names of the expression files in a directory."""
        with os.scandir(directory) as entries:
            for count, entry in enumerate(entries, start=1):
                self._patience.check()
                if count > MAX_ENTRIES:
                    summary = f"the directory of expression files {directory} has more than {MAX_ENTRIES:,} entries"
                    raise ExpressionError(Diagnostic("unresolved-expression", summary))
                if entry.name.endswith((".json", ".properties")):
                    yield entry.name


def _read_json(path: str, text: str) -> Iterator[tuple[str, _TokenValue]]:
    import json

    def check_pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in items:
            if key in found:
                summary = f'the key "{key}" is given twice in {path}'
                raise ExpressionError(Diagnostic("unresolved-expression", summary, origin=path))
            found[key] = value
        return found

    try:
        # Numbers keep their spelling: 1.10 is a text like any other.
        data = json.loads(text, parse_int=_JsonNumber, parse_float=_JsonNumber, object_pairs_hook=check_pairs)
    except json.JSONDecodeError as error:
        said = f"{path} is not JSON: {error.msg[0].lower()}{error.msg[1:]} (line {error.lineno}, column {error.colno})"
        raise ExpressionError(Diagnostic("unresolved-expression", said, origin=path, line=error.lineno)) from None
    except RecursionError:
        raise _depth_error(path) from None
    if not isinstance(data, dict):
        raise ExpressionError(
            Diagnostic("unresolved-expression", f"{path} does not contain a JSON object", origin=path)
        )
    yield from _flatten_tokens(data, path)


_DEEPEST: Final = 32
"""Objects inside each other in an expression file."""


def _depth_error(path: str) -> ExpressionError:
    return ExpressionError(Diagnostic("unresolved-expression", f"{path} is nested too deeply", origin=path))


class _JsonNumber(str):
    """A JSON number with its original text."""

    __slots__ = ()


def _flatten_tokens(
    data: dict[str, Any], path: str, prefix: str = "", depth: int = 1
) -> Iterator[tuple[str, _TokenValue]]:
    if depth > _DEEPEST:
        raise _depth_error(path)
    origin = f"expression file {path}"
    for key, value in data.items():
        token = f"{prefix}{key}"
        if isinstance(value, dict):
            yield token, _TokenValue((), origin, f'"{token}" is an object in {origin}: name one of its keys')
            yield from _flatten_tokens(value, path, f"{token}.", depth + 1)
        else:
            items = value if isinstance(value, list) else [value]
            texts = tuple(_text_of(item) for item in items)
            if None in texts:
                yield token, _TokenValue((), origin, f'"{token}" is null or a structure in {origin}: it has no text')
            else:
                yield token, _TokenValue(tuple(text for text in texts if text is not None), origin)


def _text_of(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else None


def _read_properties(path: str, text: str) -> Iterator[tuple[str, _TokenValue]]:
    """Yield the tokens of a Java properties file in UTF-8."""
    for entry in read_entries(text):
        try:
            key, value = entry.key, entry.value
        except EscapeError as error:
            number, column, _ = entry.line.position_of(error.offset)
            raise ExpressionError(_line_problem(f"{path}: {error}", path, number, column)) from None
        if not key:
            number, column, _ = entry.line.position_of(0)
            raise ExpressionError(_line_problem(f"{path} holds a line without a key", path, number, column))
        yield key, _TokenValue((value,), f"expression file {path}", splittable=True)


def _line_problem(words: str, path: str, line: int, column: int) -> Diagnostic:
    """Return the problem of a line. The line is not quoted, because its value may be a secret."""
    summary = f"{words} (line {line}, column {column})"
    return Diagnostic("unresolved-expression", summary, origin=path, line=line, column=column)


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables in a file of ``NAME=VALUE`` lines. ``#`` begins a comment; outer quotes are removed.

    Raises :class:`~confobjects.errors.ExpressionError` with the line number for a line of another form.
    """
    variables: dict[str, str] = {}
    for number, raw in enumerate(read_text(path).splitlines(), 1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            raise ExpressionError(Diagnostic("unresolved-expression", "expected NAME=VALUE", origin=path, line=number))
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        variables[name.strip()] = value
    return variables
