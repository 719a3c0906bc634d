"""Profile variables: ``${NAME}`` in the commands of a batch, with the value that a properties file has for the name.

Laws of this module:

1. A value is put into a word that is split already, so quotes and blanks in it are only text. A value that would be more
   than text, because the word would become an option or have an expression in it, is refused.
2. A name without a value is a mistake, with its place. ``$${NAME}`` is the text ``${NAME}``; ``${`` before anything else than
   a name and a brace is left alone: servers have expressions of that form.
3. What is shown and recorded is the command as it was typed, so no value of a variable is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from confobjects.diagnostics import MASK, Collector, Diagnostic
from confobjects.errors import UsageError, raise_if_errors
from confobjects.inputs import SMALL, read_shared
from confobjects.records import Record, field
from confobjects.texts.properties import EscapeError, PropertyEntry, read_entries

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_OPENER: Final = re.compile(r"(?<!\\)(?:\\\\)*+(?:&\{|\$<|\$\{)")
"""What begins an expression, with no backslash that makes it a literal text."""
_USE: Final = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


class ProfileVariables(Record):
    """The variables of a file. ``shared`` tells that other users may read it."""

    origin: str
    values: Mapping[str, str] = field(repr=False)
    shared: bool = False

    def fill(self, text: str) -> str:
        """Return a text with the values of its variables.

        Raises :class:`KeyError` for a name without a value, :class:`~confobjects.errors.UsageError` for a value that would not be
        only text.
        """
        filled = _fill(text, self.values.__getitem__)
        if filled == text:
            return text
        if filled.startswith("-") and not text.startswith("-"):
            summary = 'begins with "-", and would be read as an option'
            raise _refuse(
                text, summary, "join the word to the option before it: --set=${NAME} in place of --set ${NAME}"
            )
        if len(_OPENER.findall(filled)) != len(_OPENER.findall(_fill(text, lambda _: "x"))):
            summary = "makes or ends an expression, and the values of variables are only text"
            raise _refuse(text, summary, r"write the expression in the batch, or \\${ in the file for a literal ${")
        return filled

    def find_unknown(self, text: str) -> Iterator[str]:
        """Yield the names in a text that have no value."""
        return (name for name in find_uses(text) if name not in self.values)


def _fill(text: str, find: Callable[[str], str]) -> str:
    return _USE.sub(lambda found: found[0][1:] if found[1] else find(found[2]), text)


def _refuse(text: str, summary: str, remedy: str) -> UsageError:
    name = next(find_uses(text), "")
    return UsageError(Diagnostic("usage", f'the value of the variable "{name}" {summary}', value=text, remedy=remedy))


def find_uses(text: str) -> Iterator[str]:
    """Yield the names of the variables that a text uses."""
    return (found[2] for found in _USE.finditer(text) if not found[1])


def place_of_use(line: str, name: str, start: int, end: int) -> tuple[int, int] | None:
    """Return where a line uses a variable, as a half-open range of columns; None where it does not."""
    for found in _USE.finditer(line, start, end):
        if found[2] == name and not found[1]:
            return found.span()
    return None


def read_variables(path: str) -> ProfileVariables:
    """Return the variables in a properties file (UTF-8). Raises :class:`~confobjects.errors.UsageError` with every mistake."""
    text, shared = _read_text(path)
    problems = Collector()
    values: dict[str, str] = {}
    for entry in read_entries(text):
        _take_entry(entry, path, values, problems)
    raise_if_errors(problems)
    return ProfileVariables(path, values, shared)


def _read_text(path: str) -> tuple[str, bool]:
    try:
        data, shared = read_shared(path, SMALL)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(Diagnostic("usage", f"the profile variables cannot be read: {reason}", origin=path)) from None
    try:
        return data.decode("utf-8-sig"), shared
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        summary = f"the byte 0x{data[error.start]:02x} is not UTF-8 text"
        problem = Diagnostic("usage", summary, origin=path, line=line, column=column, remedy="save the file as UTF-8")
        raise UsageError(problem) from None


def _take_entry(entry: PropertyEntry, path: str, values: dict[str, str], problems: Collector) -> None:
    try:
        name, value = entry.key, entry.value
    except EscapeError as error:
        problems.add(_problem(entry, path, str(error), error.offset))
        return
    if _NAME.fullmatch(name) is None:
        # The word may be a part of a secret from a broken line, so it is not repeated.
        problem = _problem(entry, path, "this line does not begin with the name of a variable", entry.key_at[0])
        remedy = 'NAME=VALUE; a name has letters, digits, ".", "-" and "_", and begins with a letter or "_"'
        problems.add(problem.replace(excerpt=MASK, span=(0, len(MASK)), remedy=remedy))
    elif name in values:
        problem = _problem(entry, path, f'the variable "{name}" is given twice', entry.key_at[0])
        problems.add(problem.replace(remedy="leave only one of the two"))
    else:
        values[name] = value


def _problem(entry: PropertyEntry, path: str, summary: str, offset: int) -> Diagnostic:
    """Return a problem with its place, and its line without the value."""
    line, column, natural_line = entry.line.position_of(offset)
    if offset >= entry.key_at[1]:
        excerpt, span = MASK, (0, len(MASK))
    else:
        end = entry.line.position_of(entry.key_at[1])[1] - 1
        excerpt, span = f"{natural_line[:end]}={MASK}", (column - 1, end)
    return Diagnostic("usage", summary, origin=path, line=line, column=column, excerpt=excerpt, span=span)
