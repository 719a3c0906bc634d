r"""The language of batch files: parses a text into commands, each word with its place.

Both families of tools that have such files are understood. A command is a line; a backslash at its end joins the next
one, without a blank between them. Blanks and tabs part words. Double quotes group, and a backslash takes the next
character literally, in them and outside; single quotes group, and everything in them is literal. Quotes may open and close
anywhere in a word. An empty line, or one whose first character that is no blank is ``#``, is skipped.

Laws of this module:

1. It is pure: text in, commands and mistakes out; every mistake, each with its place.
2. One backslash before the opener of an expression is removed everywhere, also in single quotes: people write ``\&{…}``
   because of the shell. Of two backslashes one remains, which makes the text literal.
3. A mistake in one command does not hide the next one.
"""

from __future__ import annotations

import re
from typing import Final

from confobjects.records import Record, field

QUOTES: Final = "\"'"
"""The quotes that group."""
DSCONFIG_QUOTES: Final = '"'
"""The quotes that group in dsconfig itself, where a single quote is an ordinary character."""
PROGRAMS: Final = ("confobjects", "dsconfig")
"""The words that a command may begin with, as in a shell."""

_BLANKS: Final = " \t\r"
_RUN: Final = re.compile(r"""[^ \t\r\\"']+""")
_RUN_OF_DSCONFIG: Final = re.compile(r"""[^ \t\r\\"]+""")
_ODD: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]"
)
_DASHES: Final = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212")
_ESCAPED_OPENER: Final = re.compile(r"\\(&\{|\$<|\$\{)")
_BEGINS_COMMAND: Final = re.compile(
    r"[ \t]*(?:(?P<program>(?:[^\s'\"]*[/\\])?(?:dsconfig|confobjects)(?:\.bat)?[ \t])"
    r"|(?:create|delete|get|list|set)-[a-z0-9-]+(?:[ \t\r\\]|$))"
)


class Piece(Record):
    """A part of a line: its row, counted from 0, and a half-open range of columns."""

    row: int
    start: int
    end: int


class Word(Record):
    """A word after quotes and escapes are resolved, and its place: one piece, or several if it spans joined lines."""

    text: str = field(repr=False)
    pieces: tuple[Piece, ...]


class Mistake(Record):
    """A mistake in the text, its place and its remedy."""

    summary: str
    remedy: str
    piece: Piece


class BatchCommand(Record):
    """The words of one command, without the name of the program; ``broken`` when a mistake was found in it."""

    words: tuple[Word, ...]
    piece: Piece
    broken: bool = False

    @property
    def texts(self) -> list[str]:
        """The words with quotes and escapes resolved."""
        return [word.text for word in self.words]


class Script(Record):
    """A parsed text. ``lines`` are its lines without their line ends; ``oddities`` are mistakes that do no harm."""

    lines: tuple[str, ...] = field(repr=False)
    commands: tuple[BatchCommand, ...]
    mistakes: tuple[Mistake, ...]
    oddities: tuple[Mistake, ...] = ()


def parse(text: str, quotes: str = QUOTES) -> Script:
    """Return the commands in a text, and all mistakes. ``quotes`` are the characters that group; the others are ordinary."""
    return _BatchScanner(text, quotes).read_script()


def begins_command(line: str) -> bool:
    """Tell whether a line begins as a command does. Inside quotes this means that an earlier quote was not closed."""
    return _BEGINS_COMMAND.match(line) is not None


def quote_portably(word: str) -> str:
    """Return a word in quotes that a batch and a shell read in the same way."""
    if _ESCAPED_OPENER.search(word):
        return '"' + re.sub(r'[\\"$`]', r"\\\g<0>", word) + '"'
    lines = word.replace("'", "'\"'\"'").split("\n")
    # A line that begins like a command would look like one after a quote that was not closed.
    return "'" + "\n".join([lines[0], *(f"''{line}" if begins_command(line) else line for line in lines[1:])]) + "'"


def unescape_openers(text: str) -> str:
    """Return a literal text without the backslashes before openers of expressions."""
    return _ESCAPED_OPENER.sub(r"\1", text)


class _BatchScanner:
    """Reads the lines; ``row`` and ``at`` are the current position."""

    def __init__(self, text: str, quotes: str) -> None:
        self.quotes = quotes
        self.run = _RUN if "'" in quotes else _RUN_OF_DSCONFIG
        whole = text.count("\n") == text.count("\r\n")
        self.lines = (text.replace("\r\n", "\n") if whole else text).split("\n")
        self.row = self.at = 0
        self.words: list[Word] = []
        self.text: list[str] | None = None  # the parts of the word that is being read
        self.pieces: list[Piece] = []
        self.start = 0
        self.here: int | None = None  # the number of the word that begins a here-document
        self.mistakes: list[Mistake] = []
        self.oddities: list[Mistake] = []

    def read_script(self) -> Script:
        commands = []
        while self.row < len(self.lines):
            if _is_skipped(self.lines[self.row]):
                self.row += 1
                continue
            before = len(self.mistakes)
            command = self._read_command()
            commands.append(command.replace(broken=len(self.mistakes) > before))
        return Script(tuple(self.lines), tuple(commands), tuple(self.mistakes), tuple(self.oddities))

    def _read_command(self) -> BatchCommand:
        """Read one command and move to the line after it."""
        first, self.at, self.words, self.here = self.row, 0, [], None
        known = len(self.mistakes)
        while self.at < len(self.lines[self.row]):
            if not self._read_part():
                break
        else:
            self._end_word()
            self.row += 1
        self._skip_document()
        line = self.lines[first]
        piece = Piece(first, len(line) - len(line.lstrip()), len(line.rstrip()))
        return BatchCommand(self._drop_program(piece, reported=len(self.mistakes) > known), piece)

    def _drop_program(self, piece: Piece, *, reported: bool) -> tuple[Word, ...]:
        words = tuple(self.words)
        if not words or not _is_program(words[0]):
            return words
        if len(words) == 1 and not reported:
            self._add_mistake(f"the command after {words[0].text} is missing", "remove the line, or complete it", piece)
        return words[1:]

    def _skip_document(self) -> None:
        """Skip the lines of a complete here-document: they are a value and may be a secret."""
        if self.here is None:
            return
        end = self.words[self.here].text.partition("<<")[2].lstrip("-")
        for row in range(self.row, len(self.lines)):
            if self.lines[row].strip(_BLANKS) == end:
                self.row = row + 1
                return

    # -- words -----------------------------------------------------------------------------------------------------

    def _read_part(self) -> bool:
        """Read the next part; tell whether the command continues."""
        line = self.lines[self.row]
        character = line[self.at]
        if character in _BLANKS:
            self._end_word()
            self.at += 1
            return True
        if character == "\\":
            return self._read_backslash(line)
        if character in self.quotes:
            return self._read_quote(character)
        found = self.run.match(line, self.at)
        assert found is not None  # noqa: S101 - the character is none that begins something else
        self._check_characters(found.group())
        self._take(found.group(), len(found.group()))
        return True

    def _take(self, text: str, length: int) -> None:
        """Take a number of characters of the line for some text."""
        if self.text is None:
            self.text, self.pieces, self.start = [], [], self.at
        self.text.append(text)
        self.at += length

    def _end_word(self) -> None:
        if self.text is not None:
            self._end_piece()
            self.words.append(Word("".join(self.text), tuple(self.pieces)))
            self.text = None

    def _end_piece(self) -> None:
        end = min(self.at, len(self.lines[self.row]))
        if end > self.start or not self.pieces:
            self.pieces.append(Piece(self.row, self.start, end))

    def _check_characters(self, run: str) -> None:
        found = _ODD.search(run)
        if found is not None:
            at = self.at + found.start()
            what = (
                "does not separate words"
                if found.group().isspace() or found.group() in "\u200b\ufeff"
                else "is not allowed in a command"
            )
            remedy = "type a blank, or put the character in quotes to keep it"
            self._add_mistake(f"the character U+{ord(found.group()):04X} {what}", remedy, Piece(self.row, at, at + 1))
        elif "<<" in run and self.here is None:
            self.here = len(self.words)
            at = self.at + run.index("<<")
            remedy = "name a file that holds the value: --set NAME<PATH; where << is meant, put it in quotes"
            self._add_mistake(
                "a here-document (<<) works in a shell, but not in a batch", remedy, Piece(self.row, at, at + 2)
            )
        elif self.text is None and run.startswith(_DASHES):
            piece = Piece(self.row, self.at, self.at + 1)
            self._add_mistake(f"the dash U+{ord(run[0]):04X} does not begin an option", "type two hyphens: --", piece)

    # -- backslashes and ends of lines -----------------------------------------------------------------------------

    def _read_backslash(self, line: str) -> bool:
        rest = line[self.at + 1 :]
        if not rest.strip():
            if rest.strip("\r"):
                piece = Piece(self.row, self.at, self.at + 1)
                self._add_mistake(
                    "blanks follow the backslash at the end of the line", "remove them, so that the lines join", piece
                )
            return self._join_next_line()
        self._take(rest[0], 2)
        return True

    def _join_next_line(self) -> bool:
        """Continue with the next line that is not skipped; tell whether there is one."""
        here = Piece(self.row, self.at, self.at + 1)
        if self.text is not None:
            self._end_piece()
        self.row += 1
        while self.row < len(self.lines) and _is_skipped(self.lines[self.row]):
            self.row += 1
        self.at = self.start = 0
        if self.row == len(self.lines):
            summary = "the backslash continues the line, but there is no next line"
            self.oddities.append(Mistake(summary, "remove the backslash, or complete the command", here))
        elif self._goes_on(self.lines[self.row]):
            return True
        else:
            summary = "the backslash continues the line, but the next line begins another command"
            self._add_mistake(summary, "remove the backslash", here)
        self._break_off_word()
        return False

    def _goes_on(self, line: str) -> bool:
        """Tell whether a line continues the command: after the program and its options it may begin with the verb."""
        begins = _BEGINS_COMMAND.match(line)
        if begins is None:
            return True
        waits = bool(self.words) and _is_program(self.words[0]) and self.text is None
        return waits and not begins["program"] and not any(begins_command(word.text) for word in self.words[1:])

    def _break_off_word(self) -> None:
        """End the word where the command breaks off; its pieces are recorded already."""
        if self.text is not None:
            self.words.append(Word("".join(self.text), tuple(self.pieces)))
            self.text = None

    # -- quotes ----------------------------------------------------------------------------------------------------

    def _read_quote(self, quote: str) -> bool:
        """Read what is in quotes; tell whether they are closed."""
        opening = Piece(self.row, self.at, self.at + 1)
        self._take("", 1)
        while True:
            line = self.lines[self.row]
            end = self._read_literal(line) if quote == "'" else self._read_escaped(line)
            if end:
                return True
            if not self._enter_next_line():
                remedy = f"close it; write a literal quotation mark as \\{quote}"
                self._add_mistake("the quote that opens here is not closed", remedy, opening)
                self._break_off_word()
                return False

    def _read_literal(self, line: str) -> bool:
        """Read single-quoted text up to the closing quote or the end of the line; tell whether the quote was closed."""
        end = line.find("'", self.at)
        inside = line[self.at : len(line) if end < 0 else end]
        self._take(unescape_openers(inside) if end >= 0 else unescape_openers(inside) + "\n", len(inside) + 1)
        return end >= 0

    def _read_escaped(self, line: str) -> bool:
        """Read double-quoted text in the same way; a backslash at the end of the line joins the next one."""
        while self.at < len(line):
            character = line[self.at]
            if character == '"':
                self._take("", 1)
                return True
            if character != "\\":
                end = min(
                    (place for place in (line.find('"', self.at), line.find("\\", self.at)) if place >= 0),
                    default=len(line),
                )
                self._take(line[self.at : end], end - self.at)
            elif line[self.at + 1 :].rstrip("\r"):
                self._take(line[self.at + 1], 2)
            else:
                self._take("", 2)
                return False
        self._take("\n", 1)
        return False

    def _enter_next_line(self) -> bool:
        self._end_piece()
        self.row += 1
        self.at = self.start = 0
        return self.row < len(self.lines) and not begins_command(self.lines[self.row])

    def _add_mistake(self, summary: str, remedy: str, piece: Piece) -> None:
        self.mistakes.append(Mistake(summary, remedy, piece))


def _is_program(word: Word) -> bool:
    return re.split(r"[/\\]", word.text)[-1].removesuffix(".bat") in PROGRAMS


def _is_skipped(line: str) -> bool:
    text = line.strip(_BLANKS)
    return not text or text.startswith("#")
