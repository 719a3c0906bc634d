"""LDIF text (RFC 2849) that survives editing: comments, order, line ends and unknown entries stay as they are.

Laws of this module:

1. ``parse(text).serialise() == text``, byte for byte.
2. Of a changed document only the lines of changed attributes are new; all other lines are the old ones.
3. Problems come all at once, each with its line; none shows a value, for any of them may be a secret.

A document holds content, not change records. URLs (``:<``) are refused: reading a configuration must not read
other files. Text that is no ASCII may stand as it is; what is written here follows the standard (base64).
Lines of text are never folded when written, for people search and compare them; base64 is.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN, DNSyntaxError
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry, Value, Values, is_attribute, stored_value

FORMAT: Final = 1
"""The format of the documents written here; a newer one is refused."""
MARKER: Final = "# confobjects-format:"
NEW_DOCUMENT: Final = f"version: 1\n{MARKER} {FORMAT}\n"
"""How every new document starts."""

_FOLD: Final = 76
_MOST_PROBLEMS: Final = 20
_SEE: Final = "look at the line; previous versions are in the archive beside the file"
_TWICE: Final = "merge them, or delete one of them"
_REMEMBERED_LINES: Final = 4096
_LONGEST_REMEMBERED: Final = 64


class Edit(NamedTuple):
    """One entry as it was and as it shall be: None for not there."""

    old: Entry | None
    new: Entry | None


class Document:
    """A parsed LDIF text. Make one with :func:`parse`; :meth:`edited` gives a new one."""

    __slots__ = ("_ends", "entries", "text")

    def __init__(self, text: str, entries: dict[str, Entry], ends: Sequence[int]) -> None:
        self.text = text
        self.entries = entries
        """The entries by the normal form of their DN, in the order of the text."""
        self._ends = ends  # where the piece of text of each entry ends; it starts where the one before ends

    def serialise(self) -> str:
        """Return the text."""
        return self.text

    def get(self, dn: DN) -> Entry | None:
        """Return the entry of a DN, if there is one."""
        return self.entries.get(dn.normal)

    def edited(self, edits: Sequence[Edit]) -> Document:
        """Return the document after some edits, one after the other.

        A changed entry keeps its place and a new one comes last. With an entry goes the comment right above it;
        comments set apart by an empty line stay.
        """
        editor = _Editor(self)
        for edit in edits:
            editor.edit(edit)
        return editor.document()

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Yield the normal DN of every entry with its piece of the text: what precedes it, then its lines."""
        start = 0
        for key, end in zip(self.entries, self._ends, strict=True):
            yield key, self.text[start:end]
            start = end

    @property
    def tail(self) -> str:
        """What follows the last entry."""
        return self.text[self._ends[-1] :] if self._ends else self.text

    @property
    def newline(self) -> str:
        """The line end of the text, that of its first line."""
        end = self.text.find("\n")
        return "\r\n" if end > 0 and self.text[end - 1] == "\r" else "\n"


def parse(text: str, origin: str = "") -> Document:
    """Return the document written in ``text``; ``origin`` names it in messages.

    Raises :class:`~confobjects.errors.BrokenDataError` with every problem found (the first 20).
    """
    return _Parser(text, origin).document()


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
            remedy="save the file as UTF-8; a value that is no text stands in base64 behind two colons",
        )
        raise BrokenDataError(problem) from cause


# -- reading ---------------------------------------------------------------------------------------------------------


class _BrokenLineError(Exception):
    """A logical line of an entry cannot be read."""

    def __init__(self, message: str, remedy: str, *, says_all: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.says_all = says_all  # more lines of the entry would only give more of the same


class _Parser:
    """One pass over a text. Nearly all lines are plain: they cost one look-up and one cut."""

    def __init__(self, text: str, origin: str) -> None:
        self.text = text
        self.origin = origin
        self.problems: list[Diagnostic] = []
        self.entries: dict[str, Entry] = {}
        self.ends: list[int] = []
        self.names: dict[str, str] = {}  # every spelling of an attribute that was checked -> its key
        self.spellings: dict[str, str] = {}  # key -> first spelling; another one needs a careful look
        self.careful = False
        self.remembered: dict[str, tuple[str, Values]] = {}  # lines that repeat share one tuple

    def document(self) -> Document:
        self._check_characters()
        first = True
        for start, end in _blocks(self.text):
            try:
                self._block(start, end, first)
            except (_BrokenLineError, DNSyntaxError):
                self.problems.extend(_diagnose(self, start, end, first))
            first = first and not self.ends and _only_comments(self.text[start:end])
            if len(self.problems) >= _MOST_PROBLEMS:
                break
        if self.problems:
            raise BrokenDataError(self._first_problems())
        return Document(self.text, self.entries, self.ends)

    def _first_problems(self) -> list[Diagnostic]:
        if len(self.problems) < _MOST_PROBLEMS:
            return self.problems
        *shown, last = self.problems[:_MOST_PROBLEMS]
        return [*shown, last.replace(detail="there may be more problems; the text was read no further")]

    def _check_characters(self) -> None:
        """Refuse what no line may hold, and a format from the future."""
        at = self.text.find("\0")
        if at >= 0:
            problem = self.problem(
                "a NUL character: this is no LDIF text, or it was damaged", self.line(at), remedy=_SEE
            )
            raise BrokenDataError(problem)
        at = _lone_carriage_return(self.text)
        if at >= 0:
            message = "a carriage return inside a line; lines end with a line feed, or with both"
            raise BrokenDataError(
                self.problem(message, self.line(at), remedy="remove it, or write the value in base64")
            )
        at = self.text.find(MARKER)
        if at < 0 or (at > 0 and self.text[at - 1] not in "\n\ufeff"):
            return
        marker = self.text[at + len(MARKER) : at + len(MARKER) + _LONGEST_REMEMBERED].partition("\n")[0].strip()
        if not (marker.isascii() and marker.isdigit()):
            problem = self.problem(
                f'the format marker must be a number, found "{marker}"',
                self.line(at),
                remedy=f'write "{MARKER} {FORMAT}"',
            )
            raise BrokenDataError(problem)
        if int(marker) > FORMAT:
            message = f"the text is of format {marker}; this version knows formats up to {FORMAT}"
            raise BrokenDataError(self.problem(message, self.line(at), remedy="use a newer version of confobjects"))

    def _block(self, start: int, end: int, first: bool) -> None:
        """Read the entry of one run of lines between empty ones; comments alone are none."""
        lines = self.lines(start, end)
        head = 0
        if first or lines[0][:1] == "#":
            head = self._head(lines, first)
            if head == len(lines):
                return
        dn = _dn(lines[head])
        entry = Entry.trusted(dn, self._attributes(lines, head + 1))
        if self.careful:
            entry = Entry(dn, entry.attributes)
        key = dn.normal
        if key in self.entries:
            raise _BrokenLineError(f'there are two entries "{dn}"', _TWICE)
        self.entries[key] = entry
        self.ends.append(end)

    def lines(self, start: int, end: int) -> list[str]:
        """Return the logical lines of a block: line ends cut off, continuations joined."""
        block = self.text[start : end - 1] if self.text[end - 1] == "\n" else self.text[start:end]
        if "\r" in block:
            block = block.replace("\r\n", "\n").removesuffix("\r")
        if "\n " in block:
            block = block.replace("\n ", "")
        return block.split("\n")

    def _head(self, lines: list[str], first: bool) -> int:
        """Return the number of lines before the ``dn``: comments, and in the first block the version."""
        lines[0] = lines[0].removeprefix("\ufeff") if first else lines[0]
        for number, line in enumerate(lines):
            if line[:1] == "#":
                continue
            if not first or line[:8].lower() != "version:":
                return number
            if line[8:].strip() != "1":
                raise _BrokenLineError(f'the LDIF version must be 1, found "{line[8:].strip()}"', 'write "version: 1"')
        return len(lines)

    def _attributes(self, lines: list[str], head: int) -> dict[str, Values]:
        attributes: dict[str, Values] = {}
        remembered = self.remembered
        for line in lines[head:]:
            pair = remembered.get(line)
            if pair is None:
                if line[:1] == "#":
                    continue
                pair = self._pair(line)
            name, values = pair
            attributes[name] = attributes[name] + values if name in attributes else values
        return attributes

    def _pair(self, line: str) -> tuple[str, Values]:
        """Return the name and the value of a line, the value as a tuple of one."""
        name, colon, text = line.partition(": ")
        value: Value = text
        if not colon or name not in self.names or text[:1] == " " or ";" in name:
            name, value = self._uncommon(line)
        pair = (name, (value,))
        if len(line) < _LONGEST_REMEMBERED and len(self.remembered) < _REMEMBERED_LINES:
            self.remembered[line] = pair
        return pair

    def _uncommon(self, line: str) -> tuple[str, Value]:
        """Read a line whose name is new, or whose value is in base64, indented, binary or missing."""
        name, colon, rest = line.partition(":")
        if not colon:
            message = 'expected "attribute: value", found a line without a colon'
            raise _BrokenLineError(message, "a line that continues the one before must start with a blank")
        if name not in self.names:
            self._learn(name)
        value = _value(rest)
        return name, value if isinstance(value, str) and ";" not in name else stored_value(name, value)

    def _learn(self, name: str) -> None:
        key = name.lower()
        if not is_attribute(name):
            remedy = "letters, digits and hyphens; a line that continues the one before must start with a blank"
            raise _BrokenLineError("what stands before the colon is not an attribute name", remedy)
        if key == "dn":
            remedy = "put an empty line before it; a line of blanks continues the line above"
            raise _BrokenLineError("a second DN inside an entry", remedy)
        if key == "changetype":
            message = "this is a change record; the file holds entries as they are"
            raise _BrokenLineError(
                message, "write the entry itself, or make the change with the command line", says_all=True
            )
        self.names[name] = key
        self.careful = self.careful or self.spellings.setdefault(key, name) != name

    def line(self, offset: int) -> int:
        """Return the number of the line at an offset."""
        return self.text.count("\n", 0, offset) + 1

    def problem(self, summary: str, line: int, *, remedy: str = "", detail: str = "") -> Diagnostic:
        return Diagnostic("broken-data", summary, origin=self.origin, line=line, remedy=remedy, detail=detail)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of every run of lines without an empty one, the end behind the last line end."""
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


def _lone_carriage_return(text: str) -> int:
    """Return where a carriage return stands that is no part of a line end, -1 if nowhere."""
    at = text.find("\r")
    while at >= 0 and text.startswith("\n", at + 1):
        at = text.find("\r", at + 1)
    return at


def _physical_lines(text: str) -> list[str]:
    """Return the lines with their ends. Not ``splitlines``: it also splits at characters a value may hold."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _only_comments(block: str) -> bool:
    return all(line[:1] in ("#", " ") for line in _physical_lines(block.removeprefix("\ufeff")))


def _dn(line: str) -> DN:
    """Return the DN in the first line of an entry."""
    if line[:4] == "dn: ":
        return DN.parse(line[4:])
    name, colon, rest = line.partition(":")
    if colon and name.lower() == "dn":
        value = _value(rest)
        if isinstance(value, bytes):
            raise _BrokenLineError("the DN is not UTF-8 text", "write it anew, in UTF-8")
        return DN.parse(value)
    if line[:1] == " ":
        raise _BrokenLineError("a continuation line that continues nothing", "remove the blank it starts with")
    if name.lower() == "version" and colon:
        raise _BrokenLineError('"version" after the start of the text', "it may stand once, before all entries")
    remedy = "every entry starts with a line that gives its DN; a stray empty line may have cut this one in two"
    raise _BrokenLineError('expected "dn: …" at the start of an entry', remedy)


def _value(rest: str) -> Value:
    """Return the value behind the first colon of a line."""
    if rest[:1] == "<":
        message = "a value taken from a URL (:<): a configuration reads no other files"
        raise _BrokenLineError(message, "write the value itself, or an expression such as &{file:path}")
    if rest[:1] != ":":
        return rest.lstrip(" ")
    try:
        data = a2b_base64(rest[1:].strip(" "), strict_mode=True)
    except (Base64Error, ValueError) as cause:
        remedy = "encode it again (base64), or write it as it is behind a single colon"
        raise _BrokenLineError("the value after :: is not base64", remedy) from cause
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


# -- saying what is wrong --------------------------------------------------------------------------------------------


def _diagnose(parser: _Parser, start: int, end: int, first: bool) -> Iterator[Diagnostic]:
    """Yield the problems of a block that could not be read, line by line."""
    lines = parser.lines(start, end)
    numbers = _line_numbers(parser.text[start:end], parser.line(start))
    try:
        head = parser._head(lines, first)  # noqa: SLF001 - the other half of the parser, run only for mistakes
    except _BrokenLineError as broken:
        number = next(i for i, line in enumerate(lines) if line[:1] != "#")
        yield _problem(parser, broken, numbers[number])
        return
    dn = None
    try:
        dn = _dn(lines[head])
    except DNSyntaxError as broken:
        yield _dn_problem(parser, lines[head], broken, numbers[head])
    except _BrokenLineError as broken:
        yield _problem(parser, broken, numbers[head])
        return  # what is no entry would only give more of the same
    for line, number in zip(lines[head + 1 :], numbers[head + 1 :], strict=True):
        try:
            if line[:1] != "#":
                parser._uncommon(line)  # noqa: SLF001 - as above
        except _BrokenLineError as broken:
            yield _problem(parser, broken, number)
            if broken.says_all:
                return
    if dn is not None and dn.normal in parser.entries:
        detail = f"the first is in line {_line_of(parser, dn)}"
        yield parser.problem(f'there are two entries "{dn}"', numbers[head], remedy=_TWICE, detail=detail)


def _line_numbers(block: str, number: int) -> list[int]:
    """Return the number of the line each logical line starts in."""
    return [number + index for index, line in enumerate(_physical_lines(block)) if line[:1] != " " or index == 0]


def _line_of(parser: _Parser, dn: DN) -> int:
    """Return the line of the ``dn`` of an entry read before."""
    index = list(parser.entries).index(dn.normal)
    start = parser.ends[index - 1] if index else 0
    piece = _physical_lines(parser.text[start : parser.ends[index]])
    offset = next(i for i, line in enumerate(piece) if line.removeprefix("\ufeff")[:3].lower() == "dn:")
    return parser.line(start) + offset


def _problem(parser: _Parser, broken: _BrokenLineError, line: int) -> Diagnostic:
    return parser.problem(broken.message, line, remedy=broken.remedy)


def _dn_problem(parser: _Parser, line: str, broken: DNSyntaxError, number: int) -> Diagnostic:
    remedy = "correct it; a separator inside a value is written with a backslash before it"
    problem = parser.problem(f"the DN cannot be read: {broken}", number, remedy=remedy)
    if line[3:4] == ":":
        return problem.replace(detail="the DN is written in base64")
    offset = len(line) - len(line[3:].lstrip(" "))
    span = broken.span or (0, 1)
    return problem.replace(excerpt=line[offset:], span=span, column=offset + span[0] + 1)


# -- writing ---------------------------------------------------------------------------------------------------------


def attribute_line(name: str, value: Value, newline: str = "\n") -> str:
    """Return a value as a line; base64, folded at 76 columns, where plain text would not be safe."""
    if isinstance(value, str) and _is_safe(value):
        return f"{name}: {value}{newline}" if value else f"{name}:{newline}"
    data = value.encode() if isinstance(value, str) else value
    text = f"{name}:: {b2a_base64(data, newline=False).decode()}"
    lines = [text[:_FOLD], *(" " + text[at : at + _FOLD - 1] for at in range(_FOLD, len(text), _FOLD - 1))]
    return newline.join(lines) + newline


def _is_safe(value: str) -> bool:
    """Return whether a value may stand as it is: what RFC 2849 calls a safe string, without control characters."""
    return value.isascii() and value.isprintable() and value[:1] not in (" ", ":", "<") and value[-1:] != " "


def entry_lines(entry: Entry, newline: str = "\n") -> str:
    """Return an entry as lines, without the empty one around it."""
    lines = [attribute_line("dn", str(entry.dn), newline)]
    for name, values in entry.attributes.items():
        lines.extend(attribute_line(name, value, newline) for value in values)
    return "".join(lines)


class _Slot:
    """A piece of the text and the entry at its end, None when that is gone or was never there."""

    __slots__ = ("entry", "piece")

    def __init__(self, piece: str, entry: Entry | None) -> None:
        self.piece = piece
        self.entry = entry


class _Editor:
    """A document cut up for editing."""

    def __init__(self, document: Document) -> None:
        self.newline = document.newline
        entries = document.entries
        self.slots = [_Slot(piece, entries[key]) for key, piece in document.pieces()]
        self.by_key = dict(zip(entries, self.slots, strict=True))
        self.tail = document.tail
        if not self.slots:  # a text without entries is the head of what comes
            self.slots.append(_Slot(self.tail, None))
            self.tail = ""

    def edit(self, edit: Edit) -> None:
        old, new = edit
        slot = self.by_key.pop(old.dn.normal) if old is not None else _Slot("", None)
        if old is not None and new is not None:
            slot.piece = _rewritten(slot.piece, old, new, self.newline)
        elif old is not None:
            slot.piece = _without_entry(slot.piece)
        elif new is not None:
            # Pieces of deleted entries may be empty: only one with text needs to be set apart from.
            separator = self.newline if any(before.piece for before in reversed(self.slots)) else ""
            slot.piece = separator + entry_lines(new, self.newline)
            self.slots.append(slot)
        slot.entry = new
        if new is not None:
            self.by_key[new.dn.normal] = slot

    def document(self) -> Document:
        entries: dict[str, Entry] = {}
        ends: list[int] = []
        texts: list[str] = []
        at = 0
        for slot in self.slots:
            if texts and texts[-1][-1:] not in ("\n", ""):
                texts.append(self.newline)
                at += len(self.newline)
            texts.append(slot.piece)
            at += len(slot.piece)
            if slot.entry is not None:
                entries[slot.entry.dn.normal] = slot.entry
                ends.append(at)
        return Document("".join(texts) + self.tail, entries, ends)


def _logical_lines(piece: str) -> list[str]:
    """Return the lines of a piece with their ends, each with its continuations."""
    lines: list[str] = []
    for line in _physical_lines(piece):
        if line[:1] == " " and lines:
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def _unfolded(line: str) -> str:
    return line.replace("\r\n", "\n").replace("\n ", "").rstrip("\n")


def _dn_index(lines: list[str]) -> int:
    return next(i for i, line in enumerate(lines) if line.removeprefix("\ufeff")[:3].lower() == "dn:")


def _without_entry(piece: str) -> str:
    """Return what stays of a piece when its entry goes: all but the entry and the comment right above it."""
    lines = _logical_lines(piece)
    index = _dn_index(lines)
    while index and lines[index - 1][:1] == "#" and not lines[index - 1].startswith(MARKER):
        index -= 1
    kept = lines[:index]
    while kept and not kept[-1].strip():
        kept.pop()
    return "".join(kept)


def _rewritten(piece: str, old: Entry, new: Entry, newline: str) -> str:
    """Return the piece of an entry with the lines of its changed attributes made anew, all others as they were."""
    lines = _logical_lines(piece if piece.endswith("\n") else piece + newline)
    head = _dn_index(lines)
    if str(old.dn) != str(new.dn):
        mark = "\ufeff" if lines[head][:1] == "\ufeff" else ""
        lines[head] = mark + attribute_line("dn", str(new.dn), newline)
    places: dict[str, list[tuple[int, Value]]] = {}
    for index in range(head + 1, len(lines)):
        if lines[index][:1] != "#":
            name, _, rest = _unfolded(lines[index]).partition(":")
            places.setdefault(name.lower(), []).append((index, stored_value(name, _value(rest))))
    spellings = {name.lower(): name for name in (*new.attributes, *old.attributes)}
    for key, name in spellings.items():
        before, after = old.get(name), new.get(name)
        if before != after:

            def write(values: Sequence[Value], name: str = name) -> str:
                return "".join(attribute_line(name, value, newline) for value in values)

            _place(lines, places.get(key, []), before, after, write)
    return "".join(lines)


def _place(
    lines: list[str],
    places: list[tuple[int, Value]],
    before: Values,
    after: Values,
    write: Callable[[Sequence[Value]], str],
) -> None:
    """Put the values of an attribute where it stands, at the end if it is new."""
    kept = [value for value in before if value in after]
    added = [value for value in after if value not in before]
    if kept and (*kept, *added) == after and len(set(before)) == len(before):
        for index, value in places:
            lines[index] = lines[index] if value in after else ""
        last = max(index for index, value in places if value in after)
    else:
        added = list(after)
        for index, _ in places:
            lines[index] = ""
        last = places[0][0] if places else len(lines)
    if last == len(lines):
        lines.append("")
    lines[last] += write(added)
