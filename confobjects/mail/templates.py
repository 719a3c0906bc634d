r"""Templates of the mails that handlers send: text in which ``%%NAME%%`` stands for something.

``%%%%`` stands for ``%%``; in a body ``\n`` stands for a line end, and ``\\`` for a backslash. The form is that of the
directory server family.

Laws: what is put in is one line, with escapes for all that is not printable, and has a limit; so it begins neither a
header nor a line of its own, except where its lines are our own. A template is known to be right before it is filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from confobjects.diagnostics import suggest_name
from confobjects.records import Record
from confobjects.texts.visible import make_block_visible, make_visible

LONGEST_SUBJECT: Final = 200
"""Characters of a subject, as a template and when it is filled."""
LONGEST_BODY: Final = 20_000
"""Characters of a body as a template."""
LONGEST_VALUE: Final = 1_000
"""Characters of each line that is put in."""
MOST_LINES: Final = 100
"""Lines that are put in for one placeholder."""
MOST_PLACEHOLDERS: Final = 50

_MARK: Final = "%%"
_ESCAPE: Final = re.compile(r"\\([n\\])")
_LONGEST_SHOWN: Final = 40


class Placeholder(Record):
    """What stands for something; ``argument`` is what follows a colon in its name."""

    name: str
    argument: str = ""


class Template(Record):
    """A template: texts and placeholders, in their order."""

    parts: tuple[str | Placeholder, ...]


class Vocabulary(Record):
    """The placeholders that a template may have: plain names, and names that take an argument."""

    names: frozenset[str]
    with_argument: frozenset[str] = frozenset()

    def explain(self, found: Placeholder) -> str:
        """Return what is wrong with a placeholder, an empty text if nothing is."""
        known = self.with_argument if found.argument else self.names
        if found.name in known:
            return ""
        name = f"{found.name}:{found.argument}" if found.argument else found.name
        if found.name in self.with_argument:
            return f"{_show(name)} lacks a name after a colon"
        return f"{_show(name)} stands for nothing"

    def suggest(self, found: Placeholder) -> str:
        """Return what to write instead."""
        words = (*self.names, *(f"{name}:NAME" for name in self.with_argument))
        near = suggest_name(found.name, words)
        return f"{near} Write %%%% for %%." if near else "Write %%%% for %%."


class TemplateProblem(Record):
    """What is wrong with a template, and what to do."""

    summary: str
    remedy: str


def parse_subject(text: str) -> Template:
    """Return the template of a subject. What is wrong with it stays as text; see :func:`check_subject`."""
    return Template(tuple(_split(text)))


def parse_body(text: str) -> Template:
    """Return the template of a body. What is wrong with it stays as text; see :func:`check_body`."""
    return Template(tuple(_unescape(part) if isinstance(part, str) else part for part in _split(text)))


def check_subject(text: str, vocabulary: Vocabulary) -> Iterator[TemplateProblem]:
    """Yield what is wrong with the template of a subject."""
    yield from _check(text, vocabulary, LONGEST_SUBJECT)
    if not text.isprintable():
        yield TemplateProblem("it has a line end or another control character", "Write it on one line.")


def check_body(text: str, vocabulary: Vocabulary) -> Iterator[TemplateProblem]:
    """Yield what is wrong with the template of a body."""
    yield from _check(text, vocabulary, LONGEST_BODY)
    if make_block_visible(text.replace("\r\n", "\n")) != text.replace("\r\n", "\n"):
        yield TemplateProblem("it has a control character", "Remove it; line ends and tabs may stay.")


def _check(text: str, vocabulary: Vocabulary, longest: int) -> Iterator[TemplateProblem]:
    if len(text) > longest:
        yield TemplateProblem(f"it has {len(text)} characters, and at most {longest} are allowed", "Shorten it.")
        return
    if text.count(_MARK) % 2:
        yield TemplateProblem("a %% has no other %% after it", "Write %%%% for %%.")
        return
    found = [part for part in _split(text) if isinstance(part, Placeholder)]
    if len(found) > MOST_PLACEHOLDERS:
        summary = f"it has {len(found)} places to fill in, and at most {MOST_PLACEHOLDERS} are allowed"
        yield TemplateProblem(summary, "Remove some of them.")
        return
    for one in dict.fromkeys(found):
        if summary := vocabulary.explain(one):
            yield TemplateProblem(summary, vocabulary.suggest(one))


def _split(text: str) -> Iterator[str | Placeholder]:
    pieces = text.split(_MARK)
    unclosed = len(pieces) % 2 == 0
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            if piece:
                yield piece
        elif unclosed and number == len(pieces) - 1:
            yield _MARK + piece
        elif piece:
            name, _, argument = piece.partition(":")
            yield Placeholder(name, argument)
        else:
            yield _MARK


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else "\\", text)


def _show(name: str) -> str:
    shown = name if len(name) <= _LONGEST_SHOWN else name[: _LONGEST_SHOWN - 1] + "…"
    return f"{_MARK}{make_visible(shown)}{_MARK}"


# -- filling -----------------------------------------------------------------------------------------------------------

Find = Callable[[Placeholder], tuple[str, ...]]
"""Returns what a placeholder stands for: its lines, each of which may be foreign text."""


def fill_subject(template: Template, find: Find) -> str:
    """Return a subject: one line."""
    parts = (part if isinstance(part, str) else " ".join(_make_lines(find(part))) for part in template.parts)
    return cut_line(" ".join(make_visible("".join(parts)).split()), LONGEST_SUBJECT)


def fill_body(template: Template, find: Find, escape: Callable[[str], str] = str) -> str:
    """Return a body that ends with a line end. ``escape`` is applied to what is put in."""
    parts = (part if isinstance(part, str) else escape("\n".join(_make_lines(find(part)))) for part in template.parts)
    return "".join(parts).replace("\r\n", "\n").rstrip("\n") + "\n"


def _make_lines(lines: tuple[str, ...]) -> Iterator[str]:
    yield from (cut_line(make_visible(line), LONGEST_VALUE) for line in lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES} more lines"


def cut_line(text: str, longest: int) -> str:
    """Return a text of at most some characters; where something was left out it ends with "…"."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def find_among(values: Mapping[str, tuple[str, ...]]) -> Find:
    """Return what finds placeholders without an argument among some values."""
    return lambda placeholder: values.get(placeholder.name, ())


__all__ = [
    "LONGEST_BODY",
    "LONGEST_SUBJECT",
    "LONGEST_VALUE",
    "MOST_LINES",
    "MOST_PLACEHOLDERS",
    "Find",
    "Placeholder",
    "Template",
    "TemplateProblem",
    "Vocabulary",
    "check_body",
    "check_subject",
    "cut_line",
    "fill_body",
    "fill_subject",
    "find_among",
    "parse_body",
    "parse_subject",
]
