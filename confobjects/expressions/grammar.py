"""The grammar of expressions.

Outside an expression, everything is text except the openers ``&{``, ``$<`` and ``${``. Backslashes are special there
only directly before an opener: each pair stands for one backslash, and a single one makes the opener plain text. Inside
an expression, its own closer ends it, the first ``|`` begins the default, and a backslash makes an opener, the closer,
``|`` or another backslash literal.

::

    expression = opener [ function ":" ] argument [ "|" default ] closer
    token      = part *( ( "." / "-" ) part )        part = 1*( a-z / 0-9 )
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from confobjects.diagnostics import MASK, suggest_name
from confobjects.expressions.functions import FUNCTIONS
from confobjects.expressions.openers import OPENERS, has_opener
from confobjects.records import Record, field

MAX_NESTING: Final = 16
MAX_PROBLEMS: Final = 20
"""How many problems of one text are shown. A further one stands for all others."""

_OPENER: Final = re.compile(r"(?<!\\)(\\*)(&\{|\$<|\$\{)")
_PLAIN: Final = re.compile(r"[^\\|}>&$]+")
"""Text that ends neither an expression nor its argument, and begins nothing."""
_FUNCTION: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):")
_TOKEN: Final = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_LOST: Final = re.compile(r"[:$]$")


class Problem(Record):
    """A problem at a place of a text: the half-open range of offsets, and the remedy.

    ``missing`` means that no source has the value; otherwise the text is wrong. ``detail`` explains more.
    """

    message: str
    span: tuple[int, int]
    remedy: str = ""
    missing: bool = False
    detail: str = ""


class ExpressionSyntaxError(ValueError):
    """A text is not a valid template. ``problems`` are all the problems found."""

    def __init__(self, text: str, problems: tuple[Problem, ...]) -> None:
        self.text = text
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in problems))


def further_problem(first: Problem) -> Problem:
    """Return the problem that stands for those that are not shown. ``first`` is the first of them."""
    return Problem("the text has further problems from here on", first.span, "correct the others first", first.missing)


class Expression(Record):
    """One expression: its function (None for a token), its argument, its default, and its place in the text.

    ``default_span`` is the range of the default's text, without the bar.
    """

    function: str | None
    argument: Parts = field(repr=False)
    default: Parts | None = field(repr=False)
    span: tuple[int, int]
    default_span: tuple[int, int] | None


Parts = tuple["str | Expression", ...]


class Template(Record):
    """A parsed text: literal parts and expressions. ``text`` is as it was typed."""

    text: str
    parts: Parts
    warnings: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        """Return the text without what may be a secret."""
        return f"<template {self.as_masked()}>"

    @property
    def is_literal(self) -> bool:
        """Whether it contains no expression."""
        return not any(isinstance(part, Expression) for part in self.parts)

    @property
    def literal(self) -> str:
        """The text a template without expressions stands for."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def whole(self) -> bool:
        """Whether it is exactly one expression and nothing else."""
        return len(self.parts) == 1 and isinstance(self.parts[0], Expression)

    @property
    def has_default(self) -> bool:
        """Whether any expression in it has a default."""
        return any(expression.default is not None for expression in self.expressions())

    def expressions(self) -> Iterator[Expression]:
        """Yield every expression, outer ones before the inner ones."""
        yield from _nested_expressions(self.parts)

    def as_masked(self) -> str:
        """Return the text in a form that may be shown if the value is a secret.

        A single expression is shown with a mask in place of its default. Anything else is masked completely. An encoded
        value, such as ``&{base64:…}``, is the secret itself and not a reference.
        """
        if not self.whole:
            return MASK
        expression = self.parts[0]
        assert isinstance(expression, Expression)  # noqa: S101 - a whole template is one expression
        if expression.function is not None and FUNCTIONS[expression.function].compute is not None:
            return MASK
        if expression.default_span is None:
            return self.text if not self.has_default else MASK
        start, end = expression.default_span
        return f"{self.text[:start]}{MASK}{self.text[end:]}"


def _nested_expressions(parts: Parts) -> Iterator[Expression]:
    for part in parts:
        if isinstance(part, Expression):
            yield part
            yield from _nested_expressions(part.argument)
            yield from _nested_expressions(part.default or ())


def parse(text: str) -> Template:
    """Return the template of a text. Raises :class:`ExpressionSyntaxError` with every problem."""
    if not has_opener(text):
        return Template(text, (text,) if text else ())
    parser = _Parser(text)
    parts = parser.parse_whole()
    if len(parser.problems) > MAX_PROBLEMS:
        parser.problems[MAX_PROBLEMS:] = [further_problem(parser.problems[MAX_PROBLEMS])]
    if parser.problems:
        raise ExpressionSyntaxError(text, tuple(parser.problems))
    return Template(text, parts, tuple(parser.warnings))


class _Parser:
    """Reads a text from left to right. It collects problems and continues after them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.too_deep = False
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def parse_whole(self) -> Parts:
        parts: list[str | Expression] = []
        while match := _OPENER.search(self.text, self.at):
            backslashes = match.group(1)
            literal = self.text[self.at : match.start()] + "\\" * (len(backslashes) // 2)
            if len(backslashes) % 2:
                parts.append(literal + match.group(2))
                self.at = match.end()
                continue
            parts.append(literal)
            self.at = match.start(2)
            parts.append(self.parse_expression(1))
        parts.append(self.text[self.at :])
        return _join_texts(parts)

    def parse_expression(self, depth: int) -> Expression:
        start = self.at
        opener = self.text[start : start + 2]
        closer = OPENERS[opener]
        self.at += 2
        if depth > MAX_NESTING:
            self.problems.append(Problem(f"expressions are nested more than {MAX_NESTING} deep", (start, start + 2)))
            self.at, self.too_deep = len(self.text), True
            return Expression(None, (), None, (start, self.at), None)
        function = self.parse_function()
        begin = self.at
        argument, stop = self.parse_parts(closer, depth, bar=True)
        end_of_argument = self.at
        default, default_span = None, None
        if stop == "|":
            self.at += 1
            default_begin = self.at
            default, stop = self.parse_parts(closer, depth, bar=False)
            default_span = (default_begin, self.at)
        if stop != closer and self.too_deep:
            pass  # the rest was not read: it is unknown whether the expression is closed there
        elif stop != closer:
            remedy = f'end it with "{closer}", or write "\\{opener}" for the plain text'
            self.problems.append(
                Problem(f'the expression that starts here is never closed by "{closer}"', (start, start + 2), remedy)
            )
        else:
            self.at += 1
            self.check_argument(function, argument, (begin, end_of_argument), start)
        return Expression(function, argument, default, (start, self.at), default_span)

    def parse_function(self) -> str | None:
        """Read a function's name, if there is one here."""
        match = _FUNCTION.match(self.text, self.at)
        if match is None:
            return None
        name = match.group(1)
        if name not in FUNCTIONS:
            remedy = suggest_name(name, FUNCTIONS) or f"functions: {', '.join(FUNCTIONS)}"
            self.problems.append(Problem(f'there is no function "{name}"', match.span(1), remedy))
        self.at = match.end()
        return name

    def parse_parts(self, closer: str, depth: int, *, bar: bool) -> tuple[Parts, str]:
        """Read up to the closer, or to the first bar if a default is allowed. Return where it stopped."""
        parts: list[str | Expression] = []
        text = self.text
        while self.at < len(text):
            character = text[self.at]
            pair = text[self.at : self.at + 2]
            if character == closer or (bar and character == "|"):
                return _join_texts(parts), character
            if pair in OPENERS:
                parts.append(self.parse_expression(depth + 1))
            elif character == "\\" and (taken := self.match_escape(closer)):
                parts.append(taken)
                self.at += 1 + len(taken)
            else:
                plain = _PLAIN.match(text, self.at)
                end = plain.end() if plain else self.at + 1
                parts.append(text[self.at : end])
                self.at = end
        return _join_texts(parts), ""

    def match_escape(self, closer: str) -> str:
        """Return the text that the backslash here makes literal, empty if it is an ordinary backslash."""
        following = self.text[self.at + 1 : self.at + 3]
        if following in OPENERS:
            return following
        return following[:1] if following[:1] in (closer, "|", "\\") and following else ""

    def check_argument(self, function: str | None, argument: Parts, span: tuple[int, int], start: int) -> None:
        """Check the argument of a closed expression, as far as it is plain text."""
        place = span if span[0] < span[1] else (start, start + 2)
        if not argument:
            what = "a token" if function is None else f"an argument for {function}:"
            self.problems.append(Problem(f"the expression lacks {what}", place))
        elif function is None and all(isinstance(part, str) for part in argument):
            token = "".join(part for part in argument if isinstance(part, str))
            problem, warning = token_problem(token, place)
            if problem is not None:
                self.problems.append(problem)
            if warning is not None:
                self.warnings.append(warning)


def token_problem(token: str, span: tuple[int, int]) -> tuple[Problem | None, Problem | None]:
    """Return the error and the warning about a token, each None if there is none."""
    if _TOKEN.fullmatch(token):
        if "." in token or "-" in token:
            return None, None
        doubt = Problem(
            f'the token "{token}" is a single word: any environment variable {token.upper()} would match it',
            span,
            f"give it a prefix, such as &{{app.{token}}}",
        )
        return None, doubt
    folded = token.lower().replace("_", ".")
    if _TOKEN.fullmatch(folded):
        right = f"&{{{folded}}} for the token, or &{{env:{token}}} for the environment variable of that exact name"
        return Problem(f'the token "{token}" is not in lower case with dots', span, f"write {right}"), None
    return Problem(
        f'"{token}" is not a token', span, 'a token is words of a-z and 0-9, joined by "." or "-": smtp.password'
    ), None


def _join_texts(parts: list[str | Expression]) -> Parts:
    """Return parts whose neighbouring texts are one."""
    joined: list[str | Expression] = []
    for is_text, run in groupby(parts, key=lambda part: isinstance(part, str)):
        if is_text:
            text = "".join(part for part in run if isinstance(part, str))
            joined.extend([text] if text else [])
        else:
            joined.extend(run)
    return tuple(joined)


def escape(text: str) -> str:
    """Return a text whose template is literally the given text."""
    return _OPENER.sub(lambda match: match.group(1) * 2 + "\\" + match.group(2), text)


def looks_lost(text: str) -> bool:
    """Tell whether a shell seems to have removed an expression from a value: it ends in a colon or a dollar sign."""
    return _LOST.search(text) is not None
