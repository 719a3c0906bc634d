"""The evaluation of templates with values from a provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from confobjects.expressions.functions import FUNCTIONS
from confobjects.expressions.grammar import (
    MAX_PROBLEMS,
    Expression,
    ExpressionSyntaxError,
    Parts,
    Problem,
    Template,
    further_problem,
    parse,
    token_problem,
)
from confobjects.records import Record, field

MAX_DEPTH: Final = 32
"""How many sources may refer to each other in a row."""
MAX_SIZE: Final = 1 << 22
"""How many characters one evaluation may put together, all its steps counted."""


class Need(Record):
    """A value that comes from outside: for a token (``function`` is None), or for the argument of a function."""

    function: str | None
    argument: str

    def __str__(self) -> str:
        return self.argument if self.function is None else f"{self.function}:{self.argument}"


class Found(Record):
    """A value that a provider found. ``texts`` has one text, or several if the source is a list.

    ``literal`` is False if the text is itself expression text. ``splittable`` means that commas in it separate
    values.
    """

    texts: tuple[str, ...] = field(repr=False)
    origin: str
    literal: bool = True
    splittable: bool = False


class NotFound(Record):
    """Nothing was found. ``looked_in`` names the sources that were searched."""

    looked_in: tuple[str, ...] = ()


class Failed(Record):
    """The source exists but cannot be used."""

    message: str
    remedy: str = ""


Provide = Callable[[Need], "Found | NotFound | Failed"]


class EvaluationResult(Record):
    """The result of a template: values with their origins, or None if one is missing, and all problems."""

    values: tuple[str, ...] | None = field(repr=False)
    origins: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_needs(template: Template) -> tuple[Need, ...]:
    """Return what a template needs from outside, as far as it is known before the evaluation."""
    found: dict[Need, None] = {}
    for expression in template.expressions():
        function = FUNCTIONS.get(expression.function or "")
        if (function is None or function.compute is None) and all(isinstance(p, str) for p in expression.argument):
            found[Need(expression.function, "".join(p for p in expression.argument if isinstance(p, str)))] = None
    return tuple(found)


def provide_nothing(_: Need) -> NotFound:
    """Provide nothing: an evaluation with defaults only, as at write time."""
    return NotFound()


def evaluate(template: Template, provide: Provide, *, split: bool = False) -> EvaluationResult:
    """Return the value of a template.

    With ``split``, a template that is exactly one expression may have several values: those of a list, or the
    comma-separated parts of a splittable source.
    """
    run = _Evaluation(provide)
    if template.whole and split:
        values, origins = run.evaluate_all(template.parts[0], ())
    else:
        text, where = run.join_parts(template.parts, None, ())
        values, origins = ((text,), (", ".join(where),)) if text is not None else (None, ())
    if run.problems or values is None:
        return EvaluationResult(None, (), run.problems)
    return EvaluationResult(values, origins)


def _inherit_span(span: tuple[int, int], chain: tuple[Need, ...]) -> tuple[int, int] | None:
    """Return the place to show for a part of an expression: its own place, unless its text comes from a source."""
    return span if chain else None


class _Evaluation:
    """One evaluation. Spans refer to the evaluated text: a problem in a source is shown where the source is used.

    The work is in proportion to the text and to what comes of it: the provider is asked once for each need, and a source
    that lacks something is not evaluated again when :data:`MAX_PROBLEMS` are known.
    """

    def __init__(self, provide: Provide) -> None:
        self.provide = provide
        self._problems: dict[Problem, None] = {}
        self._left = {True: MAX_PROBLEMS, False: MAX_PROBLEMS}
        """How many more problems are kept, by whether they are of values that are missing."""
        self._further: dict[bool, Problem] = {}
        self._answers: dict[Need, Found | NotFound | Failed] = {}
        self._resolved: dict[Need, Found] = {}
        self._failed: set[tuple[Need, tuple[int, int]]] = set()
        self._size = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, each once, in order; at the end what stands for the problems that are not shown."""
        return (*self._problems, *self._further.values())

    def fail(self, message: str, span: tuple[int, int], remedy: str = "") -> None:
        self.add(Problem(message, span, remedy))

    def add(self, problem: Problem) -> None:
        if self._left[problem.missing]:
            self._left[problem.missing] -= problem not in self._problems
            self._problems[problem] = None
        elif problem not in self._problems:
            self._further.setdefault(problem.missing, further_problem(problem))

    def ask(self, need: Need) -> Found | NotFound | Failed:
        """Return the provider's answer, which is the same each time."""
        if need not in self._answers:
            self._answers[need] = self.provide(need)
        return self._answers[need]

    def count_size(self, text: str, span: tuple[int, int]) -> bool:
        """Count a part of the value. Return whether the value still has an allowed size."""
        if self._size <= MAX_SIZE:
            self._size += len(text)
            if self._size > MAX_SIZE:
                self.fail(f"the value comes to more than {MAX_SIZE:,} characters", span)
        return self._size <= MAX_SIZE

    def join_parts(
        self, parts: Parts, span: tuple[int, int] | None, chain: tuple[Need, ...]
    ) -> tuple[str | None, dict[str, None]]:
        """Return the text of some parts (None if one has no value) and the origins of its expressions."""
        words: list[str] = []
        origins: dict[str, None] = {}
        known = True
        first = next((part.span for part in parts if not isinstance(part, str)), (0, 0))
        for part in parts:
            if isinstance(part, str):
                text: str | None = part
            else:
                text, where = self.evaluate_single(part, span or part.span, chain)
                origins.update(dict.fromkeys(where))
            if text is None:
                known = False
            elif self.count_size(text, span or first):
                words.append(text)
            if self._size > MAX_SIZE:
                return None, origins
        return ("".join(words) if known else None), origins

    def evaluate_single(
        self, expression: Expression, span: tuple[int, int], chain: tuple[Need, ...]
    ) -> tuple[str | None, tuple[str, ...]]:
        """Return the one text of an expression and where it came from."""
        found = self.find_value(expression, span, chain)
        if found is None:
            return None, ()
        if len(found.texts) != 1:
            self.fail(
                f"{found.origin} gives {len(found.texts)} values where one is needed",
                span,
                "a list stands alone as the whole value of a multi-valued property",
            )
            return None, ()
        return found.texts[0], (found.origin,)

    def evaluate_all(
        self, expression: str | Expression, chain: tuple[Need, ...]
    ) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        """Return all values of an expression that is a whole value."""
        assert isinstance(expression, Expression)  # noqa: S101 - the caller checked for a whole template
        found = self.find_value(expression, expression.span, chain)
        if found is None:
            return None, ()
        texts = found.texts
        if found.splittable and len(texts) == 1:
            texts = tuple(part.strip() for part in texts[0].split(",") if part.strip())
        return texts, (found.origin,) * len(texts)

    def find_value(self, expression: Expression, span: tuple[int, int], chain: tuple[Need, ...]) -> Found | None:
        argument, _ = self.join_parts(expression.argument, _inherit_span(span, chain), chain)
        if argument is None:
            return None
        need = Need(expression.function, argument)
        if expression.function is None and not self.is_token(argument, span):
            return None
        function = FUNCTIONS.get(expression.function or "")
        if function is not None and function.compute is not None:
            return self.compute_value(need, function.compute, span)
        answer = self.ask(need)
        if isinstance(answer, Found):
            return self.resolve_answer(need, answer, span, chain)
        if isinstance(answer, Failed):
            self.fail(answer.message, span, answer.remedy)
            return None
        return self.use_default(expression, need, answer, span, chain)

    def use_default(
        self, expression: Expression, need: Need, answer: NotFound, span: tuple[int, int], chain: tuple[Need, ...]
    ) -> Found | None:
        """Return the default of an expression for which nothing was found. A missing default is a problem."""
        if expression.default is None:
            looked = f"looked in: {'; '.join(answer.looked_in)}" if answer.looked_in else ""
            remedy = "provide it in one of these, or give the expression a default"
            self.add(Problem(f'"{need}" has no value', span, remedy if looked else "", missing=True, detail=looked))
            return None
        text, origins = self.join_parts(expression.default, _inherit_span(span, chain), chain)
        origin = "default in the expression"
        inner = ", ".join(other for other in origins if other != origin)
        return None if text is None else Found((text,), f"{origin} ({inner})" if inner else origin)

    def is_token(self, token: str, span: tuple[int, int]) -> bool:
        problem, _ = token_problem(token, span)
        if problem is not None:
            self.fail(problem.message, span, problem.remedy)
        return problem is None

    def compute_value(self, need: Need, compute: Callable[[str], str], span: tuple[int, int]) -> Found | None:
        try:
            return Found((compute(need.argument),), f"{need.function}: in the expression")
        except ValueError as error:
            self.fail(f"{need.function}: cannot be computed: {error}", span)
            return None

    def resolve_answer(self, need: Need, answer: Found, span: tuple[int, int], chain: tuple[Need, ...]) -> Found | None:
        """Evaluate the found text, if it is expression text itself."""
        if answer.literal:
            return answer
        if need in chain:
            circle = " → ".join(map(str, (*chain[chain.index(need) :], need)))
            self.fail(f"the expressions refer to each other in a circle: {circle}", span)
            return None
        if len(chain) >= MAX_DEPTH:
            self.fail(f"the expressions refer to each other more than {MAX_DEPTH} deep", span)
            return None
        if need in self._resolved or (need, span) in self._failed:
            return self._resolved.get(need)
        if len(self._problems) >= MAX_PROBLEMS:  # it may have failed at other places before
            missing = all(problem.missing for problem in self._problems)
            self._further.setdefault(missing, further_problem(Problem("", span, missing=missing)))
        else:
            texts = [self.evaluate_text(text, answer.origin, span, (*chain, need)) for text in answer.texts]
            known = tuple(text for text in texts if text is not None)
            if len(known) == len(texts):
                self._resolved[need] = answer.replace(texts=known)
            else:
                self._failed.add((need, span))
        return self._resolved.get(need)

    def evaluate_text(self, text: str, origin: str, span: tuple[int, int], chain: tuple[Need, ...]) -> str | None:
        try:
            template = parse(text)
        except ExpressionSyntaxError as error:
            for problem in error.problems:
                self.fail(f"in {origin}: {problem.message}", span, problem.remedy)
            return None
        return self.join_parts(template.parts, span, chain)[0]
