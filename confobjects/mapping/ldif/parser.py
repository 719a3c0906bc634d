"""Read LDIF in one pass over the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from operator import sub
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN, DNSyntaxError
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry, Value, Values, is_attribute, normalise_value
from confobjects.mapping.keys import key_entries
from confobjects.mapping.ldif.document import FORMAT, MARKER, LdifText, encode_text, measure, split_lines

if TYPE_CHECKING:
    from confobjects.mapping.held import HeldEntry

_MOST_PROBLEMS: Final = 20
_SEE: Final = "look at the line; previous versions are in the archive beside the file"
TWICE: Final = "merge them, or delete one of them"
_REMEMBERED_LINES: Final = 4096
_LONGEST_REMEMBERED: Final = 64
_LONG: Final = 1024
"""The characters of a block from which on it is worth asking whether its entry can be set aside."""


def decode(data: bytes, origin: str = "") -> str:
    """Return the text of a file's bytes. Raises :class:`~confobjects.errors.BrokenDataError` if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as cause:
        line = data.count(b"\n", 0, cause.start) + 1
        column = cause.start - data.rfind(b"\n", 0, cause.start)
        problem = Diagnostic(
            "broken-data",
            f"the byte {data[cause.start]:#04x} is not part of UTF-8 text",
            origin=origin,
            line=line,
            column=column,
            remedy="save the file as UTF-8; write a value that is not text in base64, after two colons",
        )
        raise BrokenDataError(problem) from cause


class BrokenLineError(Exception):
    """A logical line of an entry cannot be read."""

    def __init__(self, message: str, remedy: str, *, says_all: bool = False, of_value: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.says_all = says_all  # further lines of the entry would only repeat it
        self.of_value = of_value  # the mistake is after the colon


Diagnose = Callable[["LdifParser", int, int, bool], Iterable[Diagnostic]]
"""Describes what is wrong with the block between two offsets; the last argument says whether it is the first."""
DescribeRepetition = Callable[["LdifParser", int, int], Diagnostic]
"""Describes an entry that is there twice, by its number and that of the first one."""
FindHolder = Callable[["LdifParser", int, int], "HeldEntry | None"]
"""Returns the entry of the block between two offsets if it may hold a definition, and need not be read yet."""


class LdifParser:
    """Parses a text in one pass. Nearly all lines are plain, and need only one look-up and one split.

    ``diagnose`` describes what is wrong with a block that cannot be read, ``describe_repetition`` an entry that is there
    twice. What ``find_holder`` finds is set aside in ``held``, by key.
    """

    def __init__(
        self,
        text: str,
        origin: str,
        diagnose: Diagnose,
        describe_repetition: DescribeRepetition,
        find_holder: FindHolder | None = None,
    ) -> None:
        self.text = text
        self.origin = origin
        self._diagnose = diagnose
        self._describe_repetition = describe_repetition
        self._find_holder = find_holder
        self.held: dict[str, HeldEntry] = {}
        self.problems: list[Diagnostic] = []
        self.entries: dict[str, Entry] = {}
        self.ends: list[int] = []
        self.holds_alike = False
        self.names: dict[str, str] = {}  # every spelling of an attribute that was checked -> its key
        self.spellings: dict[str, str] = {}  # key -> first spelling; another one needs a careful look
        self.careful = False
        self.remembered: dict[str, tuple[str, Values]] = {}  # lines that repeat share one tuple

    def read_document(self, *, first: bool = True, data: bytes | None = None) -> LdifText:
        """Read everything; ``first`` tells whether nothing precedes the text, ``data`` is the text in UTF-8.

        Raises :class:`~confobjects.errors.BrokenDataError` with every problem found.
        """
        self._check_characters()
        for start, end in _blocks(self.text):
            try:
                if end - start < _LONG or not self._set_aside(start, end):
                    self._read_block(start, end, first)
            except (BrokenLineError, DNSyntaxError):
                self.problems.extend(self._diagnose(self, start, end, first))
            first = first and not self.ends and _is_comment_only(self.text[start:end])
            if len(self.problems) >= _MOST_PROBLEMS:
                break
        if self.holds_alike and not self.problems:
            self._key_entries()
        if self.problems:
            raise BrokenDataError(self._limit_problems())
        data = encode_text(self.text) if data is None else data
        return LdifText(data, self.entries, self._measure_pieces(), holds_alike=self.holds_alike)

    def _measure_pieces(self) -> list[int]:
        """Return how many bytes the piece of the text of each entry has."""
        if self.text.isascii():
            return list(map(sub, self.ends, chain((0,), self.ends)))
        return [measure(self.text[start:end]) for start, end in pairwise((0, *self.ends))]

    def _key_entries(self) -> None:
        """Give entries of equal names their keys, now that the entries above them are known."""
        keyed, twice = key_entries(list(self.entries.values()))
        for index in sorted(twice)[:_MOST_PROBLEMS]:
            self.problems.append(self._describe_repetition(self, index, twice[index]))
        self.entries = keyed

    def _limit_problems(self) -> list[Diagnostic]:
        if len(self.problems) < _MOST_PROBLEMS:
            return self.problems
        *shown, last = self.problems[:_MOST_PROBLEMS]
        return [*shown, last.replace(detail="there may be more problems: the rest of the text was not read")]

    def _check_characters(self) -> None:
        """Refuse characters that no line may hold, and a newer format."""
        at = self.text.find("\0")
        if at >= 0:
            message = "a NUL character: this is not LDIF text, or it is damaged"
            raise BrokenDataError(self._problem_at(at, message, _SEE))
        at = _find_lone_return(self.text)
        if at >= 0:
            message = "a carriage return inside a line; lines end with a line feed, or with both"
            raise BrokenDataError(self._problem_at(at, message, "remove it, or write the value in base64"))
        at = self.text.find(MARKER)
        if at < 0 or (at > 0 and self.text[at - 1] not in "\n\ufeff"):
            return
        marker = self.text[at + len(MARKER) : at + len(MARKER) + _LONGEST_REMEMBERED].partition("\n")[0].strip()
        if not (marker.isascii() and marker.isdigit()):
            message = f'the format marker must be a number, found "{marker}"'
            raise BrokenDataError(self._problem_at(at + len(MARKER) + 1, message, f'write "{MARKER} 1"'))
        if int(marker) > FORMAT:
            message = f"the text is of format {marker}; this version knows formats up to {FORMAT}"
            remedy = "use a newer version of confobjects"
            raise BrokenDataError(self._problem_at(at + len(MARKER) + 1, message, remedy))

    def _read_block(self, start: int, end: int, first: bool) -> None:
        """Read the entry in a block of lines between empty ones; a block of comments has none."""
        lines = self.split_block(start, end)
        head = 0
        if first or lines[0][:1] == "#":
            head = self.count_head(lines, first)
            if head == len(lines):
                return
        dn = dn_of(lines[head])
        entry = Entry.from_trusted(dn, self._read_attributes(lines, head + 1))
        if self.careful:
            entry = Entry(dn, entry.attributes)
        self._add(entry, end)

    def _set_aside(self, start: int, end: int) -> bool:
        """Set the entry in a long block aside if it may hold a definition, and tell whether it does."""
        entry = None if self._find_holder is None else self._find_holder(self, start, end)
        if entry is not None:
            self.held[self._add(entry, end)] = entry
        return entry is not None

    def _add(self, entry: Entry, end: int) -> str:
        """Add the entry of the block that ends at an offset, and return its key."""
        key = entry.dn.normal
        if key in self.entries:
            key = self._set_apart(entry.dn)
        self.entries[key] = entry
        self.ends.append(end)
        return key

    def _set_apart(self, dn: DN) -> str:
        """Return a key, for the time of reading, for an entry of a name that equals the one of another."""
        if self.has_same(dn):
            raise BrokenLineError(f'there are two entries "{dn}"', TWICE)
        self.holds_alike = True
        return f"{dn.normal};{len(self.ends)}"

    def has_same(self, dn: DN) -> bool:
        """Tell whether the first entry of a name is spelled in the same way."""
        first = self.entries.get(dn.normal)
        return first is not None and str(first.dn) == str(dn)

    def split_block(self, start: int, end: int) -> list[str]:
        """Return the logical lines of a block: line ends cut off, continuations joined."""
        block = self.text[start : end - 1] if self.text[end - 1] == "\n" else self.text[start:end]
        if "\r" in block:
            block = block.replace("\r\n", "\n").removesuffix("\r")
        if "\n " in block:
            block = "".join(block.split("\n "))  # replacing looks at each character twice
        return block.split("\n")

    def count_head(self, lines: list[str], first: bool) -> int:
        """Return the number of lines before the ``dn``: comments, and in the first block the version."""
        lines[0] = lines[0].removeprefix("\ufeff") if first else lines[0]
        for number, line in enumerate(lines):
            if line[:1] == "#":
                continue
            if not first or line[:8].lower() != "version:":
                return number
            if line[8:].strip() != "1":
                message = f'the LDIF version must be 1, found "{line[8:].strip()}"'
                raise BrokenLineError(message, 'write "version: 1"', of_value=True)
        return len(lines)

    def _read_attributes(self, lines: list[str], head: int) -> dict[str, Values]:
        attributes: dict[str, Values] = {}
        several: dict[str, list[Value]] = {}  # so that many values of one attribute are not copied for each
        remembered = self.remembered
        for line in lines[head:]:
            pair = remembered.get(line)
            if pair is None:
                if line[:1] == "#":
                    continue
                pair = self._read_pair(line)
            name, values = pair
            if name not in attributes:
                attributes[name] = values
            elif name in several:
                several[name].extend(values)
            else:
                several[name] = [*attributes[name], *values]
        if several:
            attributes.update((name, tuple(values)) for name, values in several.items())
        return attributes

    def _read_pair(self, line: str) -> tuple[str, Values]:
        """Return the name and the value of a line, the value as a tuple of one."""
        name, colon, text = line.partition(": ")
        value: Value = text
        if not colon or name not in self.names or text[:1] == " " or ";" in name:
            name, value = self.read_uncommon(line)
        pair = (name, (value,))
        if len(line) < _LONGEST_REMEMBERED and len(self.remembered) < _REMEMBERED_LINES:
            self.remembered[line] = pair
        return pair

    def read_uncommon(self, line: str) -> tuple[str, Value]:
        """Read a line whose name is new, or whose value is in base64, indented, binary or missing."""
        name, colon, rest = line.partition(":")
        if not colon:
            message = 'expected "attribute: value", found a line without a colon'
            raise BrokenLineError(message, "a line that continues the one before must start with a blank")
        if name not in self.names:
            self._learn_name(name)
        value = value_of(rest)
        return name, value if isinstance(value, str) and ";" not in name else normalise_value(name, value)

    def _learn_name(self, name: str) -> None:
        key = name.lower()
        if not is_attribute(name):
            remedy = "use letters, digits and hyphens; a line that continues the one before must start with a blank"
            raise BrokenLineError("the text before the colon is not an attribute name", remedy)
        if key == "dn":
            remedy = "put an empty line before it; a line of blanks continues the line above"
            raise BrokenLineError("a second DN inside an entry", remedy)
        if key == "changetype":
            message = "this is a change record; the file may hold only entries"
            raise BrokenLineError(
                message, "write the entry itself, or make the change with the command line", says_all=True
            )
        self.names[name] = key
        self.careful = self.careful or self.spellings.setdefault(key, name) != name

    def line_at(self, offset: int) -> int:
        """Return the number of the line at an offset."""
        return self.text.count("\n", 0, offset) + 1

    def _problem_at(self, offset: int, summary: str, remedy: str) -> Diagnostic:
        """Return a diagnostic about a character of the text, with its column."""
        column = offset - self.text.rfind("\n", 0, offset)
        return self.describe_problem(summary, self.line_at(offset), remedy=remedy).replace(column=column)

    def describe_problem(self, summary: str, line: int, *, remedy: str = "", detail: str = "") -> Diagnostic:
        """Return a diagnostic about a line of the text."""
        return Diagnostic("broken-data", summary, origin=self.origin, line=line, remedy=remedy, detail=detail)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of every run of lines without an empty one, the end after the last line end."""
    if "\r" in text:
        yield from _blocks_with_carriage_returns(text)
        return
    at, size = 0, len(text)
    while True:
        while text.startswith("\n", at):
            at += 1
        if at >= size:
            return
        found = text.find("\n\n", at)
        end = size if found < 0 else found + 1
        yield at, end
        at = end + 1


def _blocks_with_carriage_returns(text: str) -> Iterator[tuple[int, int]]:
    at, start = 0, -1
    for line in text.split("\n"):
        end = min(at + len(line) + 1, len(text))
        empty = line in ("", "\r")
        if empty and start >= 0:
            yield start, at
            start = -1
        elif not empty and start < 0:
            start = at
        at = end
    if start >= 0:
        yield start, len(text)


def _find_lone_return(text: str) -> int:
    """Return the offset of a carriage return that is not part of a line end, -1 if there is none."""
    at = text.find("\r")
    while at >= 0 and text.startswith("\n", at + 1):
        at = text.find("\r", at + 1)
    return at


def _is_comment_only(block: str) -> bool:
    return all(line[:1] in ("#", " ") for line in split_lines(block.removeprefix("\ufeff")))


def dn_of(line: str) -> DN:
    """Return the DN in the first line of an entry."""
    if line[:4] == "dn: ":
        return DN.parse(line[4:])
    name, colon, rest = line.partition(":")
    if colon and name.lower() == "dn":
        value = value_of(rest)
        if isinstance(value, bytes):
            raise BrokenLineError("the DN is not UTF-8 text", "write it again in UTF-8", of_value=True)
        return DN.parse(value)
    if line[:1] == " ":
        raise BrokenLineError("a continuation line that continues nothing", "remove the blank it starts with")
    if name.lower() == "version" and colon:
        raise BrokenLineError('"version" after the start of the text', "write it once, before all entries")
    remedy = "every entry starts with a line that gives its DN; a stray empty line may have cut this one in two"
    raise BrokenLineError('expected "dn: …" at the start of an entry', remedy)


def value_of(rest: str) -> Value:
    """Return the value after the first colon of a line."""
    if rest[:1] == "<":
        message = "a value taken from a URL (:<): a configuration reads no other files"
        remedy = "write the value itself, or an expression such as &{file:path}"
        raise BrokenLineError(message, remedy, of_value=True)
    if rest[:1] != ":":
        return rest.lstrip(" ")
    return _decode_base64(rest[1:].strip(" "))


def _decode_base64(text: str) -> Value:
    from binascii import Error as Base64Error
    from binascii import a2b_base64

    try:
        data = a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError) as cause:
        remedy = "encode it again (base64), or write it as it is after a single colon"
        raise BrokenLineError("the value after :: is not base64", remedy, of_value=True) from cause
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
