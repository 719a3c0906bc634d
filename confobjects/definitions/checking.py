"""Check definition documents: report everything that is wrong with a set of them at once.

In three steps, each needing the one before: the text is JSON (:func:`parse`), the JSON has the shape of the
meta-schema, and what it says makes sense together with the other documents. A document that fails one step is left
out of the next, so that one mistake is reported once.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.meaning import check_meaning
from confobjects.definitions.metaschema import (
    ATTRIBUTE,
    FUNCTION,
    NAME,
    OPERAND,
    PATH,
    SHARED,
    VERSION,
    build_metaschema,
)
from confobjects.definitions.schema_errors import Refusal, find_leaves, name_known, quote_json, translate, validator_of
from confobjects.diagnostics import Collector, Diagnostic
from confobjects.syntaxes import REGISTRY
from confobjects.texts.json_places import (
    JsonPlaces,
    Pointer,
    find_depth,
    find_long_number,
    pointer_parts,
    pointer_text,
)


def parse(origin: str, text: str) -> tuple[DefinitionDocument | None, list[Diagnostic]]:
    """Return the document in a text, or None and what is wrong with its JSON (syntax, a key given twice)."""
    repeated = False

    def collect_pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        result = dict(items)
        repeated = repeated or len(result) < len(items)
        return result

    try:
        data = json.loads(text, object_pairs_hook=collect_pairs)
    except json.JSONDecodeError as error:
        line = next(iter(text.split("\n")[error.lineno - 1 :]), "")
        at = error.colno - 1
        return None, [
            Diagnostic(
                "broken-definition",
                f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]}",
                origin=origin,
                line=error.lineno,
                column=error.colno,
                excerpt=line,
                span=(at, at + 1) if line else None,
            )
        ]
    except ValueError:  # Python limits the number of digits
        problem = Diagnostic("broken-definition", "a number in the JSON has too many digits", origin=origin)
        return None, [_place_at(problem, text, *find_long_number(text))]
    except RecursionError:
        problem = Diagnostic("broken-definition", "the JSON is nested too deeply", origin=origin)
        return None, [_place_at(problem, text, *find_depth(text, _DEEPEST))]
    if repeated:
        return None, list(_find_repeated(origin, text))
    return DefinitionDocument(origin, data), []


def _find_repeated(origin: str, text: str) -> Iterator[Diagnostic]:
    """Yield a problem for each key that is in its object already; what is in its value is not compared."""
    places = JsonPlaces(text)
    end = -1
    for pointer, span in sorted(places.repeated, key=lambda item: item[1].key_start):
        if span.key_start < end:
            continue
        end = span.end
        summary = f'the key "{pointer[-1]}" is given twice in one object'
        problem = Diagnostic("broken-definition", summary, origin=origin, pointer=pointer_text(pointer))
        yield _place_at(problem, text, span.key_start, span.key_end)


# -- places ----------------------------------------------------------------------------------------------------------


def place_problems(problems: Iterable[Diagnostic], texts: Mapping[str, str]) -> list[Diagnostic]:
    """Return problems with line, column and caret, where the text of their file is known; ``texts`` are by file."""
    places: dict[str, JsonPlaces] = {}
    result = []
    for problem in problems:
        if problem.line is None and problem.origin in texts:
            if problem.origin not in places:
                places[problem.origin] = JsonPlaces(texts[problem.origin])
            problem = _place_problem(problem, places[problem.origin])  # noqa: PLW2901 - the same with its place
        result.append(problem)
    return result


def _place_problem(problem: Diagnostic, places: JsonPlaces) -> Diagnostic:
    """Return a problem with the place its pointer leads to: the value, or the key of a value with several parts."""
    span = places.find(pointer_parts(problem.pointer))
    whole = places.text[span.start : span.start + 1] in {"{", "["}
    at_key = whole and span.key_end > span.key_start
    start, end = (span.key_start, span.key_end) if at_key else (span.start, span.start + 1 if whole else span.end)
    return _place_at(problem, places.text, start, end)


def _place_at(problem: Diagnostic, text: str, start: int, end: int) -> Diagnostic:
    """Return a problem with its line and column, and the caret below the part of the line from one offset to another."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line = text[first : len(text) if last < 0 else last].removesuffix("\r")
    number, column = text.count("\n", 0, start) + 1, start - first + 1
    cut = max(0, column - 1 - _WIDTH // 2) if len(line) > _WIDTH else 0
    excerpt = line[cut : cut + _WIDTH]
    at = column - 1 - cut
    span = (at, max(at + 1, min(at + end - start, len(excerpt)))) if excerpt else None
    return problem.replace(line=number, column=column, excerpt=excerpt, span=span)


_WIDTH = 100
"""The characters of a line that are shown."""


def check(
    documents: Iterable[DefinitionDocument],
    trusted: Iterable[DefinitionDocument] = (),
    *,
    incomplete: bool = False,
    shaped: Container[str] = (),
) -> tuple[Diagnostic, ...]:
    """Return everything that is wrong with some documents, which may build on trusted ones.

    ``incomplete`` says that further documents could not be parsed: a missing name may be in one of them, so it is
    not reported. ``shaped`` are the origins of those whose shape is known to be right: looking at it takes long.
    """
    problems = Collector()
    sound: list[DefinitionDocument] = []
    left_out: list[DefinitionDocument] = []
    for document in documents:
        found = [] if document.origin in shaped else list(check_shape(document))
        problems.extend(found)
        (left_out if found else sound).append(document)
    problems.extend(check_meaning(sound, list(trusted), left_out, incomplete=incomplete))
    return tuple(problems)


def check_shape(document: DefinitionDocument) -> Iterator[Diagnostic]:
    """Yield where a document departs from the meta-schema."""
    data: Any = document.data  # whatever the file held
    if not isinstance(data, Mapping):
        yield Diagnostic("broken-definition", "a definition must be a JSON object", origin=document.origin)
        return
    if (deep := _find_too_deep(data)) is not None:
        summary = "the definition is nested too deeply"
        yield Diagnostic("broken-definition", summary, origin=document.origin, pointer=pointer_text(deep))
        return
    errors = sorted(find_leaves(_make_validator().iter_errors(data)), key=lambda e: list(map(str, e.absolute_path)))
    for refusal in translate(errors, quote_json):
        summary, remedy = _words_of(refusal)
        is_there = refusal.key and refusal.keyword != "required"
        pointer = pointer_text((*refusal.pointer, refusal.key) if is_there else refusal.pointer)
        yield Diagnostic("broken-definition", summary, origin=document.origin, pointer=pointer, remedy=remedy)


@cache
def _make_validator() -> Any:
    return validator_of(build_metaschema())


def _find_too_deep(data: Any) -> Pointer | None:
    """Return the first part that is so deep that the validator, which calls itself a dozen times a level, runs out of stack."""
    level: list[tuple[Pointer, Any]] = [((), data)]
    for _ in range(_DEEPEST):
        level = [
            ((*pointer, str(key)), part)
            for pointer, item in level
            for key, part in (item.items() if isinstance(item, Mapping) else enumerate(item))
            if isinstance(part, (Mapping, list))
        ]
    return level[0][0] if level else None


_DEEPEST = 32


def _words_of(refusal: Refusal) -> tuple[str, str]:
    """Return summary and remedy of what the meta-schema refuses."""
    summary, remedy, given = refusal.summary, refusal.remedy, refusal.instance
    if refusal.keyword == "pattern":
        return summary, _PATTERNS.get(refusal.expected, remedy)
    if refusal.keyword != "enum" or refusal.pointer[-1:] != ("syntax",):
        return summary, remedy
    if given not in REGISTRY:
        return summary, name_known(str(given), REGISTRY)
    needed = ", ".join(REGISTRY[given].required_parameters)
    summary = f"the syntax {quote_json(given)} needs parameters"
    return summary, f'write {{"type": {quote_json(given)}, …}} with {needed}'


_PATTERNS = {
    NAME: "a name is made of lower-case letters, digits and single hyphens, a letter first",
    ATTRIBUTE: "an attribute's name is made of letters, digits and hyphens, a letter first",
    SHARED: 'a shared property is named by its package, a slash and its name ("network/listen-port")',
    OPERAND: 'a condition looks at a property ("address"), or at a part of its value ("address.port")',
    FUNCTION: 'a function is named by its module, a colon and its name ("package.module:function")',
    VERSION: 'a version is made of numbers, separated by dots ("1.2")',
    PATH: 'a path starts at the root ("/trust-manager-provider/one")',
}


def parse_documents(texts: Sequence[tuple[str, str]]) -> tuple[list[DefinitionDocument], list[Diagnostic]]:
    """Parse several files, given as (origin, text): the documents that are JSON, and what is wrong with the others."""
    documents, problems = [], []
    for origin, text in texts:
        document, found = parse(origin, text)
        problems.extend(found)
        if document is not None:
            documents.append(document)
    return documents, problems
