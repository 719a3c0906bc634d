"""XML as a tree whose elements know their places. The text is foreign: everything about it is bounded.

Laws:

1. Nothing outside the text is read: no external entity, no external DTD.
2. An entity that the text declares itself stands for its text alone: it refers to no other entity and holds no element. All
   of them together add at most :data:`_MOST_EXPANDED` characters.
3. A text that is too long, too deep or not XML is a :class:`~confobjects.errors.DefinitionError` with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn
from xml.parsers import expat

from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError
from confobjects.records import Record

LONGEST: Final = 1 << 20
"""Bytes of one file; the largest of a server has 60,000."""
_DEEPEST: Final = 40
_MOST_EXPANDED: Final = 1 << 20
_WIDTH: Final = 100
"""Characters of a line that are shown."""
_SEPARATOR: Final = " "
_WORD: Final = re.compile(r"<?[^\s<>]+")
"""What the caret stands under: the beginning of an element, or a word."""


class Place(Record):
    """A place in a file: where an element begins; line and column count from 1."""

    file: Source
    line: int
    column: int

    def refuse(self, summary: str, remedy: str = "") -> Diagnostic:
        """Return the diagnostic of something that is wrong at this place, with the line and a caret."""
        text = self.file.line(self.line)
        cut = max(0, self.column - 1 - _WIDTH // 2) if len(text) > _WIDTH else 0
        excerpt = text[cut : cut + _WIDTH]
        at = self.column - 1 - cut
        word = _WORD.match(excerpt, at)
        length = len(word[0]) if word else 1
        return Diagnostic(
            "broken-definition",
            summary,
            origin=self.file.name,
            line=self.line,
            column=self.column,
            excerpt=excerpt,
            span=(at, at + length) if excerpt else None,
            remedy=remedy,
        )


class Source:
    """A file: its name, and its text for the lines of messages."""

    __slots__ = ("_lines", "data", "name")

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Return a line, without its end; empty if there is none."""
        if self._lines is None:
            self._lines = self.data.decode("utf-8", "replace").split("\n")
        return self._lines[number - 1].removesuffix("\r") if 0 < number <= len(self._lines) else ""


class Element:
    """An element: its name without a prefix, the namespace, the attributes without one, the content, and its place."""

    __slots__ = ("attributes", "content", "name", "namespace", "place")

    def __init__(self, namespace: str, name: str, attributes: Mapping[str, str], place: Place) -> None:
        self.namespace = namespace
        self.name = name
        self.attributes = attributes
        self.content: list[str | Element] = []
        self.place = place

    def elements(self, name: str = "") -> Iterator[Element]:
        """Yield the elements in it, all or those of a name."""
        return (one for one in self.content if isinstance(one, Element) and name in {"", one.name})

    def find(self, *names: str) -> Element | None:
        """Return the first element on a way of names, None if there is none."""
        found: Element | None = self
        for name in names:
            found = next(found.elements(name), None) if found is not None else None
        return found

    def refuse(self, summary: str, remedy: str = "") -> DefinitionError:
        """Return the error of something that is wrong with it."""
        return DefinitionError(self.place.refuse(summary, remedy))


def parse(name: str, data: bytes) -> Element:
    """Return the outermost element of a file. Raises :class:`~confobjects.errors.DefinitionError`."""
    return _Reader(Source(name, data)).read()


class _Reader:
    """Builds the tree while expat reads."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stack: list[Element] = []
        self.top: Element | None = None
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._take_text
        self.parser.StartDoctypeDeclHandler = self._judge_doctype
        self.parser.EntityDeclHandler = self._judge_entity
        self.parser.SkippedEntityHandler = self._refuse_unknown
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def read(self) -> Element:
        if len(self.source.data) > LONGEST:
            message = f"the file has more than {LONGEST:,} bytes"
            raise DefinitionError(Diagnostic("broken-definition", message, origin=self.source.name))
        try:
            self.parser.Parse(self.source.data, True)
        except expat.ExpatError as error:
            summary = f"this is not XML: {expat.errors.messages[error.code]}"
            raise DefinitionError(Place(self.source, error.lineno, error.offset + 1).refuse(summary)) from None
        except (LookupError, ValueError):  # an encoding that Python does not know, or that expat cannot use
            self._refuse("this is not XML: its encoding is not known")
        assert self.top is not None  # noqa: S101 - expat refuses a text without an element
        return self.top

    def _here(self) -> Place:
        return Place(self.source, self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)

    def _refuse(self, summary: str) -> NoReturn:
        raise DefinitionError(self._here().refuse(summary))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) == _DEEPEST:
            self._refuse("the elements are nested too deeply")
        namespace, _, local = name.rpartition(_SEPARATOR)
        element = Element(namespace, local, attributes, self._here())
        if self.stack:
            self.stack[-1].content.append(element)
        else:
            self.top = element
        self.stack.append(element)

    def _end(self, _name: str) -> None:
        self.stack.pop()

    def _take_text(self, text: str) -> None:
        self.stack[-1].content.append(text)

    def _judge_doctype(self, _name: str, system: str | None, public: str | None, _has_subset: bool) -> None:
        if system or public:
            self._refuse("the document type is in another file, which is not read")

    def _judge_entity(self, name: str, is_parameter: bool, value: str | None, *_outside: Any) -> None:
        if is_parameter or value is None:
            self._refuse(f'the entity "{name}" is not a text of this file')
        if "&" in value or "<" in value:
            self._refuse(f'the entity "{name}" is more than a text')
        if len(value) * self.source.data.count(b"&") > _MOST_EXPANDED:
            self._refuse(f'the entity "{name}" makes the text too long')

    def _refuse_unknown(self, name: str, _is_parameter: bool) -> None:
        self._refuse(f'the entity "{name}" is not declared')
