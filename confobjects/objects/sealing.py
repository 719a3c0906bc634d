"""Sealing the secrets of objects, and reading sealed ones, with the sealer that a caller passes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, ExpressionError
from confobjects.expressions.openers import has_opener
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.objects.model import Evaluation, ManagedObject, Texts
from confobjects.objects.reading import mask_secret
from confobjects.objects.sealed import SealedSecret, bound_names, contexts_of, parse_sealed, parse_whole

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
    from confobjects.objects.protocols import Sealer

_ERRORS: Final = "surrogateescape"
"""A secret from a command line may hold bytes that are no UTF-8."""

OpenSealer = Callable[[], "Sealer | None"]
"""Returns the sealer; None without keys. Raises ConfobjectsError if the keys cannot be used."""


def is_clear(prop: PropertyDefinition, text: str) -> bool:
    """Tell whether a value, or a part of it, is a secret that whoever reads it knows."""
    return mask_secret(prop, text) != text and parse_sealed(prop, text) is None


def find_literal(prop: PropertyDefinition, text: str) -> str | None:
    """Return the literal secret in a value: as text, or encoded in an expression that needs nothing else. None without one."""
    span = prop.find_secret(text)
    secret = "" if span is None else text[slice(*span)]
    if not secret:
        return None
    if not has_opener(secret):
        return secret
    from confobjects.expressions import FUNCTIONS, ExpressionSyntaxError, evaluate, parse
    from confobjects.expressions.evaluation import provide_nothing

    try:
        template = parse(secret)
    except ExpressionSyntaxError:
        return None
    for expression in template.expressions():
        function = FUNCTIONS.get(expression.function or "")
        if function is None or function.compute is None or expression.function == "sealed":
            return None
    values = evaluate(template, provide_nothing).values
    return values[0] if values else None


def has_secrets(definition: ManagedObjectDefinition) -> bool:
    """Tell whether objects of a type can hold secrets."""
    return any(prop.can_hold_secret for prop in definition.properties.values())


def find_secrets(obj: ManagedObject) -> Iterator[tuple[PropertyDefinition, Texts]]:
    """Yield the properties of an object that can hold secrets, with their stored texts."""
    for name, texts in obj.values.items():
        prop = obj.definition.properties[name]
        if texts and prop.can_hold_secret:
            yield prop, texts


# -- sealing and reading ---------------------------------------------------------------------------------------------


def seal_text(sealer: Sealer, obj: ManagedObject, prop: PropertyDefinition, text: str, plain: str) -> str:
    """Return a value with a secret sealed for an object as it is. The rest of ``text``, the value before, stays."""
    bound = bound_names(prop)
    token = sealer.seal(plain.encode(errors=_ERRORS), contexts_of(obj, prop, text, bound)[0])
    start, end = prop.find_secret(text) or (len(text), len(text))
    return f"{text[:start]}{SealedSecret(token, bound)}{text[end:]}"


def unseal_text(sealer: Sealer, obj: ManagedObject, prop: PropertyDefinition, text: str) -> str:
    """Return the secret that is sealed in a value of an object.

    Raises :class:`~confobjects.errors.ExpressionError` if it does not fit the object, or cannot be opened.
    """
    found = parse_sealed(prop, text)
    if found is None:
        raise ExpressionError(Diagnostic("unresolved-expression", "the value is not a sealed secret"))
    return _unseal(sealer, found, contexts_of(obj, prop, text, found.bound))


def bring_up_to_date(sealer: Sealer, obj: ManagedObject) -> tuple[dict[str, Texts], list[Diagnostic]]:
    """Return the properties of an object that change if its secrets are sealed as they would be now, and what is wrong.

    A secret that cannot be opened stays as it is.
    """
    values: dict[str, Texts] = {}
    problems: list[Diagnostic] = []
    for prop, texts in find_secrets(obj):
        made = []
        for text in texts:
            try:
                made.append(_bring_text_up_to_date(sealer, obj, prop, text))
            except ExpressionError as error:
                problems.extend(p.replace(path=str(obj.path), property=prop.name) for p in error.diagnostics)
                made.append(text)
        if tuple(made) != texts:
            values[prop.name] = tuple(made)
    return values, problems


def _bring_text_up_to_date(sealer: Sealer, obj: ManagedObject, prop: PropertyDefinition, text: str) -> str:
    if parse_sealed(prop, text) is not None:
        if is_up_to_date(sealer, obj, prop, text):
            return text
        return seal_text(sealer, obj, prop, text, unseal_text(sealer, obj, prop, text))
    plain = find_literal(prop, text) if is_clear(prop, text) else None
    return text if plain is None else seal_text(sealer, obj, prop, text, plain)


def is_up_to_date(sealer: Sealer, obj: ManagedObject, prop: PropertyDefinition, text: str) -> bool:
    """Tell whether a value is sealed with the key that seals now, and bound to what it would be bound to now."""
    found = parse_sealed(prop, text)
    if found is None or found.key_id != sealer.key_id or found.bound != bound_names(prop):
        return False
    try:
        _unseal(sealer, found, contexts_of(obj, prop, text, found.bound)[:1])
    except ExpressionError:
        return False
    return True


def _unseal(sealer: Sealer, sealed: SealedSecret, contexts: Sequence[bytes]) -> str:
    *others, last = contexts
    for context in others:
        try:
            return sealer.unseal(sealed.token, context).decode(errors=_ERRORS)
        except ExpressionError:
            continue
    try:
        return sealer.unseal(sealed.token, last).decode(errors=_ERRORS)
    except ExpressionError as error:
        with_values = f" with the values of {', '.join(sealed.bound)} that it had then" if sealed.bound else ""
        detail = f"it was sealed for one property of one object{with_values}"
        raise ExpressionError([problem.replace(detail=detail) for problem in error.diagnostics]) from None


class Unsealer:
    """Evaluates sealed secrets. At write time a secret without its key is not known; at startup that is a problem.

    ``open_sealer`` gives the keys; None if there are none.
    """

    def __init__(self, open_sealer: OpenSealer | None, *, tolerant: bool = False) -> None:
        self._open_sealer = open_sealer
        self._tolerant = tolerant

    def __call__(self, text: str, contexts: Sequence[bytes]) -> Evaluation:
        """Return the value of a sealed secret, without the name of a pair before it."""
        sealed = parse_whole(text)
        assert sealed is not None  # noqa: S101 - contexts are given for sealed secrets only
        try:
            sealer = None if self._open_sealer is None else self._open_sealer()
            if sealer is None:
                return Evaluation(None, (), () if self._tolerant else (describe_missing_keys(),))
            plain = _unseal(sealer, sealed, contexts)
        except ConfobjectsError as error:
            return Evaluation(None, (), error.diagnostics)
        return Evaluation((plain,), (f"sealed (key {sealed.key_id})",))


def describe_missing_keys() -> Diagnostic:
    """Return the problem of a sealed secret without keys."""
    return Diagnostic(
        "unresolved-expression",
        "the value is sealed, and there are no keys to open it",
        remedy=f"let {KEY_FILE_VARIABLE} name the file of the keys that it was sealed with",
    )
