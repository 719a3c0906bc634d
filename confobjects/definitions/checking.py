"""The check of definition documents: everything that is wrong with a set of them, at once.

In three steps, each needing the one before: the text is JSON (:func:`parse`), the JSON has the shape of the
meta-schema, and what it says makes sense together with the other documents. A document that fails one step is left
out of the next, so that one mistake is reported once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confobjects.definitions.documents import Document
from confobjects.definitions.meaning import check_meaning
from confobjects.definitions.metaschema import ATTRIBUTE, FUNCTION, NAME, PATH, SHARED, metaschema
from confobjects.diagnostics import Collector, Diagnostic, did_you_mean
from confobjects.syntaxes import REGISTRY


def parse(origin: str, text: str) -> tuple[Document | None, list[Diagnostic]]:
    """Return the document in a text, or None and what is wrong with its JSON (syntax, a key given twice)."""
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                repeated.append(key)
            result[key] = value
        return result

    try:
        data = json.loads(text, object_pairs_hook=pairs)
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
    except ValueError:  # Python reads integers of so many digits only on demand
        return None, [Diagnostic("broken-definition", "a number in the JSON has too many digits", origin=origin)]
    except RecursionError:
        return None, [Diagnostic("broken-definition", "the JSON is nested too deeply", origin=origin)]
    problems = [
        Diagnostic("broken-definition", f'the key "{key}" is given twice in one object', origin=origin)
        for key in repeated
    ]
    return (Document(origin, data) if not problems else None), problems


def check(
    documents: Iterable[Document], trusted: Iterable[Document] = (), *, incomplete: bool = False
) -> tuple[Diagnostic, ...]:
    """Return everything that is wrong with some documents, which may build on trusted ones.

    ``incomplete`` says that further documents could not even be parsed: then a name that is not there may be theirs,
    and nothing is said of it.
    """
    problems = Collector()
    sound: list[Document] = []
    left_out: list[Document] = []
    for document in documents:
        found = list(check_shape(document))
        problems.extend(found)
        (left_out if found else sound).append(document)
    problems.extend(check_meaning(sound, list(trusted), left_out, incomplete=incomplete))
    return tuple(problems)


def check_shape(document: Document) -> Iterator[Diagnostic]:
    """Yield where a document departs from the meta-schema."""
    data: Any = document.data  # whatever the file held
    if not isinstance(data, Mapping):
        yield Diagnostic("broken-definition", "a definition is a JSON object", origin=document.origin)
        return
    if _too_deep(data):
        yield Diagnostic("broken-definition", "the definition is nested too deeply", origin=document.origin)
        return
    errors = sorted(_leaves(_validator().iter_errors(data)), key=lambda e: list(map(str, e.absolute_path)))
    for error in errors:
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
        for summary, remedy in _WORDS.get(error.validator, _other)(error):
            yield Diagnostic("broken-definition", summary, origin=document.origin, pointer=pointer, remedy=remedy)


def _too_deep(data: Any) -> bool:
    """Whether the validator, which calls itself a dozen times a level, would run out of stack."""
    level = [data]
    for _ in range(_DEEPEST):
        below = (item.values() if isinstance(item, Mapping) else item for item in level)
        level = [part for parts in below for part in parts if isinstance(part, (Mapping, list))]
        if not level:
            return False
    return True


_DEEPEST = 32


def _validator() -> Any:
    """The meta-schema's validator; 1.0 is a whole number to JSON Schema, but not to a program that counts with it."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    def whole(_checker: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", whole)
    validator: Any = extend
    return validator(Draft202012Validator, type_checker=checker)(metaschema())


def _leaves(errors: Iterable[Any]) -> Iterator[Any]:
    for error in errors:
        if error.context:
            yield from _leaves(error.context)
        else:
            yield error


Words = Iterator[tuple[str, str]]


def _additional(error: Any) -> Words:
    known = error.schema.get("properties", {})
    for key in error.instance:
        if key not in known:
            yield f'the key "{key}" is not known here', did_you_mean(key, known) or f"known: {', '.join(known)}"


def _required(error: Any) -> Words:
    for key in error.validator_value:
        if key not in error.instance and error.message.startswith(f"'{key}'"):
            yield f'the key "{key}" is missing', ""


def _enum(error: Any) -> Words:
    is_syntax = list(error.absolute_path)[-1:] == ["syntax"]
    if is_syntax and error.instance in REGISTRY:
        needed = ", ".join(REGISTRY[error.instance].required_parameters)
        remedy = f'write {{"type": {_shown(error.instance)}, …}} with {needed}'
        yield f"the syntax {_shown(error.instance)} needs parameters", remedy
        return
    known = list(REGISTRY) if is_syntax else [str(value) for value in error.validator_value]
    yield (
        f"{_shown(error.instance)} is none of the known words",
        (did_you_mean(str(error.instance), known) or f"known: {', '.join(known)}"),
    )


def _const(error: Any) -> Words:
    yield f"{_shown(error.instance)} is not possible here", f"expected: {_shown(error.validator_value)}"


_TYPES = {
    "string": "a text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


def _type(error: Any) -> Words:
    kinds = error.validator_value
    kinds = [kinds] if isinstance(kinds, str) else kinds
    yield f"{_shown(error.instance)} has the wrong type", f"expected: {' or '.join(_TYPES[kind] for kind in kinds)}"


def _pattern(error: Any) -> Words:
    expected = _PATTERNS.get(error.validator_value, f"it has to match {error.validator_value}")
    yield f"{_shown(error.instance)} is not a valid name", expected


_PATTERNS = {
    NAME: "a name is made of lower-case letters, digits and single hyphens, a letter first",
    ATTRIBUTE: "an attribute's name is made of letters, digits and hyphens, a letter first",
    SHARED: 'a shared property is named by its package, a slash and its name ("network/listen-port")',
    FUNCTION: 'a function is named by its module, a colon and its name ("package.module:function")',
    PATH: 'a path starts at the root ("/trust-manager-provider/one")',
}


def _empty(error: Any) -> Words:
    yield f"{_shown(error.instance)} is empty", "say it, or leave the key out"


def _few(error: Any) -> Words:
    yield f"{_shown(error.instance)} has too few values", f"the least is {error.validator_value}"


def _count(error: Any) -> Words:
    known = list(error.schema.get("properties", {}))
    yield (
        (
            f"one of the keys {', '.join(known)} is expected, {len(error.instance)} are given"
            if known
            else f"{len(error.instance)} values are given, {error.validator_value} are expected"
        ),
        "",
    )


def _unique(error: Any) -> Words:
    yield f"a value is given twice in {_shown(error.instance)}", ""


def _minimum(error: Any) -> Words:
    yield f"{_shown(error.instance)} is too small", f"the least is {error.validator_value}"


def _other(error: Any) -> Words:
    yield error.message, ""


_WORDS: Mapping[str, Callable[[Any], Words]] = {
    "additionalProperties": _additional,
    "required": _required,
    "enum": _enum,
    "const": _const,
    "type": _type,
    "pattern": _pattern,
    "minLength": _empty,
    "minItems": _few,
    "maxItems": _count,
    "minProperties": _count,
    "maxProperties": _count,
    "uniqueItems": _unique,
    "minimum": _minimum,
}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def documents_of(texts: Sequence[tuple[str, str]]) -> tuple[list[Document], list[Diagnostic]]:
    """Parse several files, given as (origin, text): the documents that are JSON, and what is wrong with the others."""
    documents, problems = [], []
    for origin, text in texts:
        document, found = parse(origin, text)
        problems.extend(found)
        if document is not None:
            documents.append(document)
    return documents, problems
