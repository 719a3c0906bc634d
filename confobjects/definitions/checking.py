"""Check definition documents: report everything that is wrong with a set of them at once.

In three steps, each needing the one before: the text is JSON (:func:`parse`), the JSON has the shape of the
meta-schema, and what it says makes sense together with the other documents. A document that fails one step is left
out of the next, so that one mistake is reported once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.meaning import check_meaning
from confobjects.definitions.metaschema import ATTRIBUTE, FUNCTION, NAME, PATH, SHARED, build_metaschema
from confobjects.definitions.schema_errors import Refusal, find_leaves, name_known, quote_json, translate, validator_of
from confobjects.diagnostics import Collector, Diagnostic
from confobjects.syntaxes import REGISTRY
from confobjects.texts.json_places import pointer_text


def parse(origin: str, text: str) -> tuple[DefinitionDocument | None, list[Diagnostic]]:
    """Return the document in a text, or None and what is wrong with its JSON (syntax, a key given twice)."""
    repeated: list[str] = []

    def collect_pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in items:
            if key in result:
                repeated.append(key)
            result[key] = value
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
        return None, [Diagnostic("broken-definition", "a number in the JSON has too many digits", origin=origin)]
    except RecursionError:
        return None, [Diagnostic("broken-definition", "the JSON is nested too deeply", origin=origin)]
    problems = [
        Diagnostic("broken-definition", f'the key "{key}" is given twice in one object', origin=origin)
        for key in repeated
    ]
    return (DefinitionDocument(origin, data) if not problems else None), problems


def check(
    documents: Iterable[DefinitionDocument], trusted: Iterable[DefinitionDocument] = (), *, incomplete: bool = False
) -> tuple[Diagnostic, ...]:
    """Return everything that is wrong with some documents, which may build on trusted ones.

    ``incomplete`` says that further documents could not be parsed: a missing name may be in one of them, so it is
    not reported.
    """
    problems = Collector()
    sound: list[DefinitionDocument] = []
    left_out: list[DefinitionDocument] = []
    for document in documents:
        found = list(check_shape(document))
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
    if _is_too_deep(data):
        yield Diagnostic("broken-definition", "the definition is nested too deeply", origin=document.origin)
        return
    errors = sorted(
        find_leaves(validator_of(build_metaschema()).iter_errors(data)), key=lambda e: list(map(str, e.absolute_path))
    )
    for refusal in translate(errors, quote_json):
        summary, remedy = _words_of(refusal)
        pointer = pointer_text(refusal.pointer)
        yield Diagnostic("broken-definition", summary, origin=document.origin, pointer=pointer, remedy=remedy)


def _is_too_deep(data: Any) -> bool:
    """Whether the validator, which calls itself a dozen times a level, would run out of stack."""
    level = [data]
    for _ in range(_DEEPEST):
        below = (item.values() if isinstance(item, Mapping) else item for item in level)
        level = [part for parts in below for part in parts if isinstance(part, (Mapping, list))]
        if not level:
            return False
    return True


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
    FUNCTION: 'a function is named by its module, a colon and its name ("package.module:function")',
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
