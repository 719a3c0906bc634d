"""Properties files: default options in a file (``~/.confobjects/tools.properties``).

The file is a Java properties file in UTF-8; its keys are the long options without their dashes, ignoring case. A key
with the tool's name before it (``confobjects.hostname``) wins over the plain one; keys with another tool's name are
that tool's. A value given by option wins over the file, and the file wins over the environment.

This module is imported only where there is a file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from confobjects.diagnostics import MASK, Collector, Diagnostic, find_nearest
from confobjects.errors import UsageError
from confobjects.inputs import SMALL, read_shared
from confobjects.records import Record, field
from confobjects.texts.properties import EscapeError, LogicalLine, read_entries

from .numbers import FORMS
from .options import OPTIONS, SECRET_OPTIONS, Option, conflict_among, describe_shared, rivals

TOOL: Final = "confobjects"
_KEYS: Final[dict[str, Option]] = {
    spelling[2:].lower(): option for option in OPTIONS for spelling in option.spellings if spelling.startswith("--")
}
_NOT_HERE: Final = {
    "propertiesfilepath",
    "nopropertiesfile",
    "help",
    "version",
    "batch",
    "batchfilepath",
    "profile_variables",
    "compat",
    "batch_continue_on_error",
}
"""Options that belong to a single run; the file cannot set them."""
_FORM: Final = re.compile(r":(env|file)[ \t\f]*=[ \t\f]*", re.IGNORECASE)
"""What may follow a key, as in the option itself: ``bindPassword:file=PATH``."""


class Defaults(Record):
    """The content of a file: values by option, general ones and those of this tool, and warnings."""

    general: Mapping[str, Any] = field(repr=False)
    own: Mapping[str, Any] = field(repr=False)
    warnings: tuple[Diagnostic, ...] = ()

    def values_besides(self, given: Collection[str]) -> dict[str, Any]:
        """Return the values that apply in addition to the given options, without options that those exclude."""
        result: dict[str, Any] = {}
        taken = set(given)
        for level in (self.own, self.general):
            kept = {name: value for name, value in level.items() if taken.isdisjoint({name, *rivals(name)})}
            result.update(kept)
            taken.update(kept)
        return result


class _OptionEntry(Record):
    """A key and its value as the file has them, unescaped, with the offsets of both into their line."""

    line: LogicalLine = field(repr=False)
    key: str
    value: str = field(repr=False)
    key_at: tuple[int, int]
    value_at: tuple[int, int]


def read(path: str, tool: str = TOOL) -> Defaults:
    """Return the options in a file of a tool. Raises :class:`~confobjects.errors.UsageError` with every mistake in it."""
    text, shared = _read_text(path)
    problems = Collector()
    found: dict[str, dict[str, Any]] = {"": {}, tool: {}}
    for entry in _entries(text, path, problems):
        _take_entry(entry, path, found, problems)
    for level in found.values():
        _check_conflicts(level, path, problems)
    if shared and any(name in SECRET_OPTIONS for level in found.values() for name in level):
        problems.add(describe_shared(path))
    if problems.errors:
        remedy = "--noPropertiesFile runs without it"
        raise UsageError([p if p.remedy else p.replace(remedy=remedy) for p in problems.errors])
    return Defaults(found[""], found[tool], problems.warnings)


def _read_text(path: str) -> tuple[str, bool]:
    """Return the text of a file, and whether other users may read it."""
    try:
        data, shared = read_shared(path, SMALL)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(_file_problem(path, f"the properties file cannot be read: {reason}")) from None
    try:
        return data.decode("utf-8-sig"), shared
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        problem = _file_problem(path, "the properties file is not UTF-8 text")
        line = before.count("\n") + 1
        raise UsageError(problem.replace(line=line, column=len(before) - before.rfind("\n"))) from None


def _file_problem(path: str, summary: str) -> Diagnostic:
    remedy = "--noPropertiesFile runs without one"
    return Diagnostic("usage", summary, origin=path, remedy=remedy)


# -- the entries of the file ------------------------------------------------------------------------------------------


def _entries(text: str, path: str, problems: Collector) -> Iterator[_OptionEntry]:
    for entry in read_entries(text):
        line, end, value_start = entry.line, entry.key_at[1], entry.value_at[0]
        # A Java reader ends the key at a colon; people write the option's full name: bindPassword:file=PATH.
        form = _FORM.match(line.text, end)
        if form and f"{line.text[:end].rpartition('.')[2].lower()}:{form[1].lower()}" in _KEYS:
            end, value_start = form.end(1), form.end()
        key = _unescape(line, (0, end), path, problems, end)
        if key is None:
            continue
        hide = end if _is_secret(key) else None
        value = _unescape(line, (value_start, len(line.text)), path, problems, hide)
        if value is not None:
            yield _OptionEntry(line, key, value, (0, end), (value_start, len(line.text)))


def _unescape(line: LogicalLine, span: tuple[int, int], path: str, problems: Collector, hide: int | None) -> str | None:
    """Return a part of a line with its escapes resolved; None when one is malformed, which is then a problem."""
    try:
        return line.unescape(*span)
    except EscapeError as error:
        problems.add(_problem(line, (error.offset, error.offset + 2), path, str(error), hide=hide))
        return None


def _problem(
    line: LogicalLine, span: tuple[int, int], path: str, summary: str, *, hide: int | None = None
) -> Diagnostic:
    """Return a problem with its place and its line; from the offset ``hide`` on the line may hold a secret."""
    number, column, whole = line.position_of(span[0])
    start, end = column - 1, line.position_of(max(span[0], span[1] - 1))[1]
    if hide is not None:
        _, cut, first = line.position_of(hide)
        if span[0] < hide:
            whole = first[: cut - 1]
        else:
            whole, start, end = f"{first[: cut - 1]}={MASK}", cut, cut + len(MASK)
    shown = (start, max(start + 1, min(end, len(whole))))
    return Diagnostic("usage", summary, origin=path, line=number, column=column, excerpt=whole, span=shown)


# -- what the keys mean ----------------------------------------------------------------------------------------------


def _is_secret(key: str) -> bool:
    option = _KEYS.get(key.lower().rpartition(".")[2])
    return option is not None and _holds_secret(option)


def _holds_secret(option: Option) -> bool:
    """Tell whether the value of an option is a secret, or a name and what may be one."""
    return option.name in SECRET_OPTIONS or "=" in (option.value or "")


def _take_entry(entry: _OptionEntry, path: str, found: dict[str, dict[str, Any]], problems: Collector) -> None:
    prefix, _, key = entry.key.lower().rpartition(".")
    if prefix not in found:
        if tool := find_nearest(prefix, filter(None, found)):
            words = f'"{entry.key}" belongs to no known tool'
            warned = _problem(entry.line, entry.key_at, path, words, hide=entry.key_at[1])
            problems.add(warned.replace(severity="warning", remedy=f'did you mean "{tool}.{key}"?'))
        return  # another tool's
    option = _KEYS.get(key)
    if option is None or option.name in _NOT_HERE:
        problems.add(_unknown_option(entry, key, path, known=option is not None))
        return
    wrong = _value_fault(option, entry.value)
    if wrong:
        hide = entry.key_at[1] if _holds_secret(option) else None
        at = entry.value_at if entry.value else entry.key_at
        problems.add(_problem(entry.line, at, path, f"{entry.key} {wrong}", hide=hide))
        return
    level = found[prefix]
    if option.name in level and not option.repeat:
        words = f"{entry.key} is given twice: this value is used, and not the earlier one"
        again = _problem(entry.line, entry.key_at, path, words, hide=entry.key_at[1])
        problems.add(again.replace(severity="warning"))
    value = entry.value.strip() if option.name not in SECRET_OPTIONS else entry.value
    if option.value is None:
        level[option.name] = value.lower() == "true"
    else:
        level[option.name] = (*level.get(option.name, ()), value) if option.repeat else value


def _unknown_option(entry: _OptionEntry, key: str, path: str, *, known: bool) -> Diagnostic:
    end = entry.key_at[1]
    if known:
        words, remedy = f"{entry.key} has no effect in a properties file", ""
    else:
        near = find_nearest(key, [name for name, option in _KEYS.items() if option.name not in _NOT_HERE])
        spelled = next((s[2:] for s in _KEYS[near].spellings if s[2:].lower() == near), near) if near else ""
        words, remedy = f'there is no option "{entry.key}"', f'did you mean "{spelled}"?' if spelled else ""
        if not spelled and not entry.line.text[end:].strip():
            # A single word may be a part of a password from a broken line.
            words = "the line is not an option with a value; it is not repeated here"
            remedy = "a value that continues in the next line ends with a backslash"
            problem = _problem(entry.line, entry.key_at, path, words)
            return problem.replace(severity="warning", remedy=remedy, excerpt=MASK, span=(0, len(MASK)))
    # The value of an unknown key may be a password, so it is not shown.
    problem = _problem(entry.line, entry.key_at, path, words, hide=end)
    return problem.replace(severity="warning", remedy=remedy)


def _value_fault(option: Option, value: str) -> str:
    """Return what is wrong with a value, as the end of a sentence; nothing for a good one."""
    text, form = value.strip(), option.value
    if form is None:
        return "" if text.lower() in {"true", "false"} else "takes true or false"
    numbers = FORMS.get(form)
    checks = (
        (not text, "has no value"),
        (numbers is not None and numbers.read(text) is None, numbers.refusal() if numbers else ""),
        ("|" in form and text not in form.split("|"), f"takes one of {form.replace('|', ', ')}"),
        ("=" in form and "=" not in text, f"takes {form}"),
    )
    return next((words for wrong, words in checks if wrong), "")


def _check_conflicts(level: Collection[str], path: str, problems: Collector) -> None:
    conflict = conflict_among(level)
    if conflict:
        problems.add(_file_problem(path, conflict))
