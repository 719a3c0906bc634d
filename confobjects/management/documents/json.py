"""JSON documents that are read to be compared or applied: checked as a whole, each mistake with its place.

The JSON Schema of documents validates only the parts that the reader of :mod:`confobjects.mapping.documents` doubts, so
that a correct document of 10,000 objects is not validated twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import BrokenDataError, error_for
from confobjects.mapping.documents import Contents, Doubt, ObjectState, kind_of, read
from confobjects.texts.json_places import (
    JsonPlaces,
    Pointer,
    find_depth,
    find_long_number,
    find_word,
    hide_values,
    pointer_text,
    position_in,
)
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.definitions.schema_errors import Refusal
    from confobjects.paths import ManagedObjectPath

_SHOWN: Final = 60
_DEEPEST: Final = 32
"""How deeply the parts of a document may be nested where the parser gives up; no correct one comes near."""
_Refusal = tuple[Pointer, Diagnostic]


class ConfigurationDocument:
    """A correct JSON document: its objects, and the place of each part. ``origin`` is its file."""

    def __init__(self, text: str, origin: str, registry: Registry) -> None:
        """Read and check a text.

        Raises one :class:`~confobjects.errors.ConfobjectsError` with every mistake, each with JSON pointer, line,
        column and a caret.
        """
        self.origin = origin
        self._text = text
        self._registry = registry
        self._places: JsonPlaces | None = None
        contents = read(self._parse_text(), registry)
        self._keys = contents.keys
        self.objects: Mapping[ManagedObjectPath, ObjectState] = contents.objects
        if contents.doubts:
            self._judge(contents)

    def _parse_text(self) -> Any:
        repeated = False

        def collect_pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
            nonlocal repeated
            made = dict(items)
            repeated = repeated or len(made) < len(items)
            return made

        try:
            data = json.loads(self._text, object_pairs_hook=collect_pairs, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise BrokenDataError(self._describe_syntax_error(error)) from None
        except RecursionError:
            raise self._refuse("the JSON is nested too deeply", find_depth(self._text, _DEEPEST)) from None
        except _ConstantError as error:
            raise self._refuse(
                f"this is not JSON: {error} is not a JSON number", find_word(self._text, str(error))
            ) from None
        except ValueError:  # nothing else is left: Python limits the number of digits
            raise self._refuse("a number in the JSON has too many digits", find_long_number(self._text)) from None
        if repeated:
            raise BrokenDataError(list(self._find_repeated()))
        return data

    def _refuse(self, summary: str, span: tuple[int, int]) -> BrokenDataError:
        """Return the error of a place: nothing of the text is shown, since any value may be a secret."""
        line, column = position_in(self._text, span[0])
        return BrokenDataError(Diagnostic("broken-data", summary, origin=self.origin, line=line, column=column))

    def _describe_syntax_error(self, error: json.JSONDecodeError) -> Diagnostic:
        line = next(iter(self._text.split("\n")[error.lineno - 1 :]), "")
        before, after = hide_values(line[: error.colno - 1]), hide_values(line[error.colno - 1 :])
        return Diagnostic(
            "broken-data",
            f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]}",
            origin=self.origin,
            line=error.lineno,
            column=error.colno,
            excerpt=before[-_SHOWN:] + after[:_SHOWN],
            span=(len(before[-_SHOWN:]), len(before[-_SHOWN:]) + 1) if line else None,
        )

    def _find_repeated(self) -> Iterator[Diagnostic]:
        places = self.places
        whole = {pointer for pointer, _ in places.repeated}
        for pointer, span in places.repeated:
            if any(pointer[:length] in whole for length in range(1, len(pointer))):
                continue  # it is inside a part that is reported as repeated
            line, column = places.position_of(span.key_start)
            first, _ = places.position_of(places.first[pointer].key_start)
            yield Diagnostic(
                "broken-data",
                f"the key {_quote_key(pointer[-1])} is given twice in one object, first in line {first}",
                origin=self.origin,
                pointer=pointer_text(pointer),
                line=line,
                column=column,
                excerpt=f"{_quote_key(pointer[-1])}: …",
                span=(0, len(_quote_key(pointer[-1]))),
            )

    @property
    def places(self) -> JsonPlaces:
        """The place of each part; computed on first use."""
        if self._places is None:
            self._places = JsonPlaces(self._text)
        return self._places

    # -- mistakes ------------------------------------------------------------------------------------------------

    def _judge(self, contents: Contents) -> None:
        refused: dict[Pointer, list[tuple[Pointer, Diagnostic]]] = {}
        for pointer, problem in _find_refusals(contents, self._registry):
            refused.setdefault(pointer[:2], []).append((pointer, problem))
        doubts: dict[Pointer, list[Doubt]] = {}
        for doubt in contents.doubts:
            doubts.setdefault(doubt.pointer[:2], []).append(doubt)
        everything = [found for several in refused.values() for found in several]
        problems = [
            self._place_problem(*found)
            for part in {**doubts, **refused}  # object by object: a document may hold thousands
            for found in _merge_mistakes(
                doubts.get(part, ()), refused.get(part, ()), () if len(part) > 1 else everything
            )
        ]
        if problems:
            raise error_for(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))

    def _place_problem(self, pointer: Pointer, problem: Diagnostic) -> Diagnostic:
        span = self.places.find(pointer)
        at_key = not self.places.has(pointer) or self._is_container(pointer) or self._is_unknown(pointer)
        offset = span.key_start if at_key and span.key_end > span.key_start else span.start
        line, column = self.places.position_of(offset)
        excerpt, caret = self._excerpt(pointer, at_key=at_key)
        return problem.replace(
            origin=self.origin, pointer=pointer_text(pointer), line=line, column=column, excerpt=excerpt, span=caret
        )

    def _is_container(self, pointer: Pointer) -> bool:
        span = self.places.find(pointer)
        return self._text[span.start : span.start + 1] in {"{", "["}

    def _is_unknown(self, pointer: Pointer) -> bool:
        """Whether a part belongs to no property that is known to be public: its value may be a secret."""
        return len(pointer) >= 4 and pointer[2] == "properties" and not self._is_open(pointer)

    def _is_open(self, pointer: Pointer) -> bool:
        """Whether a value belongs to a known property that is not secret."""
        name = pointer[3]
        return any(name in d.properties for d in self._registry) and not self._is_secret(name)

    def _is_secret(self, name: str) -> bool:
        return any(d.properties[name].sensitive for d in self._registry if name in d.properties)

    def _excerpt(self, pointer: Pointer, *, at_key: bool) -> tuple[str, tuple[int, int] | None]:
        """Return the key and the value of a part on one line, without what may be a secret."""
        span = self.places.find(pointer)
        key = self._text[span.key_start : span.key_end]
        head = f"{key}: " if key else ""
        if len(pointer) >= 4 and pointer[2] == "properties" and not self._is_open(pointer):
            value = f'"{MASK}"' if self._is_secret(pointer[3]) else "…"
        elif at_key:
            value = "…"
        else:
            value = self._text[span.start : span.end]
            value = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
        if not head and value == "…":
            return "", None
        start, end = (0, len(key)) if at_key and key else (len(head), len(head) + len(value))
        return head + value, (start, end)

    def locate_problems(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return problems of objects with their place in the document, where there is one."""
        keys = {str(path): key for path, key in self._keys.items()}
        return [self._locate_problem(problem, keys.get(problem.path)) for problem in problems]

    def _locate_problem(self, problem: Diagnostic, key: str | None) -> Diagnostic:
        if key is None or problem.origin:
            return problem
        pointer: Pointer = ("objects", key)
        value = (*pointer, "properties", problem.property)
        return self._place_problem(value if problem.property and self.places.has(value) else pointer, problem)


class _ConstantError(Exception):
    """A number that Python's parser knows and JSON does not: its name."""


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _quote_key(key: str) -> str:
    return make_visible(json.dumps(key, ensure_ascii=False))


def _find_refusals(contents: Contents, registry: Registry) -> Iterator[_Refusal]:
    """Validate the doubtful objects of a document with its schema; yield what it refuses."""
    from confobjects.definitions.schema_errors import translate, validator_of
    from confobjects.reference.jsonschema import document_schema

    errors = validator_of(document_schema(registry)).iter_errors(_select_doubtful(contents))
    for refusal in translate(errors, kind_of):  # a value may be a secret: only its kind is shown
        yield from _problems_of(refusal)


def _select_doubtful(contents: Contents) -> Any:
    data = contents.data
    if not isinstance(data, dict) or not isinstance(data.get("objects"), dict):
        return data
    keys = {doubt.pointer[1] for doubt in contents.doubts if len(doubt.pointer) > 1}
    return {**data, "objects": {key: item for key, item in data["objects"].items() if key in keys}}


def _merge_mistakes(
    doubts: Iterable[Doubt], refused: Iterable[_Refusal], elsewhere: Iterable[_Refusal]
) -> Iterator[_Refusal]:
    """Yield each mistake once, from the reader or from the schema, whichever describes it better."""
    left = dict(enumerate(refused))
    told: list[Pointer] = []
    for doubt in sorted(doubts, key=lambda doubt: doubt.certainty != "wrong"):
        within = [n for n, (pointer, _) in left.items() if pointer[: len(doubt.pointer)] == doubt.pointer]
        if doubt.certainty == "wrong" or (doubt.certainty == "other" and within):
            told.append(doubt.pointer)
            yield doubt.pointer, doubt.problem
            for number in within:
                del left[number]
        elif doubt.certainty == "odd" and not _is_refused(doubt.pointer, (*refused, *elsewhere)):
            yield doubt.pointer, doubt.problem
    for pointer, problem in left.values():  # a list is also refused for a mistake inside it
        if len(pointer) < 4 or not any(other[: len(pointer)] == pointer for other in told):
            yield pointer, problem


def _is_refused(pointer: Pointer, refused: Iterable[tuple[Pointer, Diagnostic]]) -> bool:
    """Whether the schema has refused a part, something inside it, or something around it but the whole document."""
    for other, _ in refused:
        shorter = min(len(other), len(pointer))
        if other[:shorter] == pointer[:shorter] and (shorter > 1 or not pointer):
            return True
    return False


# -- the schema's refusals as problems of documents ------------------------------------------------------------------


_CODES: Final = {
    "additionalProperties": "unknown-name",
    "required": "broken-data",
    "enum": "unknown-name",
    "type": "broken-data",
    "const": "broken-data",
}


def _problems_of(refusal: Refusal) -> Iterator[_Refusal]:
    """Yield where a refusal is and the problem to report; nothing where the reader has reported it."""
    pointer, keyword, key = refusal.pointer, refusal.keyword, refusal.key
    problem = Diagnostic(_CODES.get(keyword, "invalid-value"), refusal.summary, remedy=refusal.remedy)
    of_property = len(pointer) == 3 and pointer[2] == "properties"
    if keyword == "additionalProperties":
        if pointer == ("objects",):
            return  # the reader reports an invalid path
        pointer = (*pointer, key)
        if of_property:
            problem = problem.replace(summary=f"there is no property {_quote_key(key)} here")
    elif keyword == "required" and of_property:
        problem = problem.replace(code="missing-mandatory", summary=f'the mandatory property "{key}" is missing')
    elif keyword == "enum" and isinstance(refusal.instance, str):
        problem = problem.replace(summary=f"{_quote_key(refusal.instance)} is not one of the known words")
    elif keyword == "const":
        problem = problem.replace(summary=f"the format of a document must be {refusal.expected}", remedy="")
    yield pointer, problem
