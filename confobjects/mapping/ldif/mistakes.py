"""Describe what is wrong with a block that the parser could not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN, DNSyntaxError
from confobjects.mapping.ldif.document import split_lines
from confobjects.mapping.ldif.parser import TWICE, BrokenLineError, LdifParser, dn_of

_NAMES: Final = frozenset({"dn", "version", "changetype", "objectclass", "cn"})
_OURS: Final = "ds-cfg-"


def diagnose(parser: LdifParser, start: int, end: int, first: bool) -> Iterator[Diagnostic]:
    """Yield the problems of a block that could not be read, line by line."""
    lines = parser.split_block(start, end)
    numbers = _line_numbers(parser.text[start:end], parser.line_at(start))
    try:
        head = parser.count_head(lines, first)
    except BrokenLineError as broken:
        number = next(i for i, line in enumerate(lines) if line[:1] != "#")
        yield _describe_line(parser, broken, lines[number], numbers[number])
        return
    dn = None
    try:
        dn = dn_of(lines[head])
    except DNSyntaxError as broken:
        yield _describe_dn(parser, lines[head], broken, numbers[head])
    except BrokenLineError as broken:
        yield _describe_line(parser, broken, lines[head], numbers[head])
        return  # the other lines would only repeat it
    for line, number in zip(lines[head + 1 :], numbers[head + 1 :], strict=True):
        try:
            if line[:1] != "#":
                parser.read_uncommon(line)
        except BrokenLineError as broken:
            yield _describe_line(parser, broken, line, number)
            if broken.says_all:
                return
    if dn is not None and parser.has_same(dn):
        number = list(parser.entries).index(dn.normal)
        yield _describe_twice(parser, dn, number, lines[head], numbers[head])


def describe_repetition(parser: LdifParser, index: int, first: int) -> Diagnostic:
    """Return what is wrong with an entry that is there twice, each given by its number in the text."""
    start = parser.ends[index - 1]
    lines = [line for line in parser.split_block(start, parser.ends[index]) if line]
    line = next(line for line in lines if line[:3].lower() == "dn:")
    return _describe_twice(parser, dn_of(line), first, line, _line_of(parser, index))


def _describe_twice(parser: LdifParser, dn: DN, first: int, line: str, number: int) -> Diagnostic:
    twice = BrokenLineError(f'there are two entries "{dn}"', TWICE, of_value=True)
    detail = f"the first is in line {_line_of(parser, first)}"
    return _describe_line(parser, twice, line, number).replace(detail=detail)


def _line_numbers(block: str, number: int) -> list[int]:
    """Return the number of the line each logical line starts in."""
    return [number + index for index, line in enumerate(split_lines(block)) if line[:1] != " " or index == 0]


def _line_of(parser: LdifParser, index: int) -> int:
    """Return the line of the ``dn`` of an entry read before, given by its number in the text."""
    start = parser.ends[index - 1] if index else 0
    piece = split_lines(parser.text[start : parser.ends[index]])
    offset = next(i for i, line in enumerate(piece) if line.removeprefix("\ufeff")[:3].lower() == "dn:")
    return parser.line_at(start) + offset


def _describe_line(parser: LdifParser, broken: BrokenLineError, line: str, number: int) -> Diagnostic:
    """Return what is wrong with a line. Its name is shown only if it is known, and not part of a secret."""
    problem = parser.describe_problem(broken.message, number, remedy=broken.remedy)
    name, colon, rest = line.partition(":")
    if not colon or not (name.lower() in _NAMES or name.lower().startswith(_OURS)):
        return problem.replace(column=1)
    mark = rest[:1] if rest[:1] in (":", "<") else ""
    blanks = len(rest) - len(mark) - len(rest[len(mark) :].lstrip(" "))
    head = f"{name}:{mark}{' ' * blanks}"
    start, end = (len(head), len(head) + 1) if broken.of_value else (0, len(name))
    return problem.replace(excerpt=f"{head}…", span=(start, end), column=start + 1)


def _describe_dn(parser: LdifParser, line: str, broken: DNSyntaxError, number: int) -> Diagnostic:
    remedy = "correct it; a separator inside a value is written with a backslash before it"
    problem = parser.describe_problem(f"the DN cannot be read: {broken}", number, remedy=remedy)
    if line[3:4] == ":":
        return problem.replace(detail="the DN is written in base64")
    offset = len(line) - len(line[3:].lstrip(" "))
    span = broken.span or (0, 1)
    return problem.replace(excerpt=line[offset:], span=span, column=offset + span[0] + 1)
