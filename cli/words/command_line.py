"""Operations as command lines: what a user would type to make the same change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from confobjects.definitions.model import HOLDER_KIND
from confobjects.objects.reading import mask_secret

from .names import option_of, verbs_of
from .quoting import quote_word

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry, Relation
    from confobjects.management.changing.operations import Operation

Show = Callable[["PropertyDefinition", str], str]
"""How a value is written: masked if people see it, unmasked in a file for its owner."""


def words_of(operation: Operation, registry: Registry, show: Show = mask_secret) -> list[str]:
    """Return the words of the command that asks for an operation, without the program's name."""
    relation = registry.relation(operation.kind)
    if relation.name == HOLDER_KIND:
        removed = operation.action == "delete"
        return [
            "definitions",
            "remove" if removed else "install",
            *(n if removed else f"{n}.json" for n in operation.names),
        ]
    names = [word for pair in _name_pairs(operation, relation, registry) for word in pair]
    if operation.action == "rename":
        return ["rename", relation.name, *names, "--to", operation.new_name]
    single = relation.kind == "singleton"  # it has no command to create it: it is set
    verb = "set" if operation.action == "modify" or (operation.action == "create" and single) else operation.action
    words = [verbs_of(relation)[verb], *names]
    if operation.type is not None and relation.kind != "set" and len(registry.types_of(relation)) > 1:
        words += ["--type", operation.type]
    if operation.action == "create" and operation.tolerant:
        words += ["--if-absent"]
    if operation.action == "delete" and operation.tolerant:
        words.append("--force")
    return [*words, *_change_words(operation, relation, registry, show)]


def line_of(operation: Operation, registry: Registry, show: Show = mask_secret) -> str:
    """Return the command that asks for an operation as one line, quoted for a shell and for a batch file."""
    return " ".join(quote_word(word) for word in words_of(operation, registry, show))


def _name_pairs(operation: Operation, relation: Relation, registry: Registry) -> Iterator[tuple[str, str]]:
    lineage = [step for step in registry.lineage(relation) if step.named]
    return ((option_of(step), name) for step, name in zip(lineage, operation.names, strict=False))


def _change_words(operation: Operation, relation: Relation, registry: Registry, show: Show) -> Iterator[str]:
    changes = operation.changes
    for option, given in (("--set", changes.set), ("--remove", changes.remove), ("--add", changes.add)):
        yield from _assignment_words(option, given, relation, registry, show)
    for name in changes.reset:
        yield from ("--reset", name)


def _assignment_words(
    option: str, given: Mapping[str, Sequence[Any]], relation: Relation, registry: Registry, show: Show
) -> Iterator[str]:
    types = registry.concrete_types(relation.target)
    for name, values in given.items():
        prop = next((d.properties[name.lower()] for d in types if name.lower() in d.properties), None)
        for value in values:
            text = value if isinstance(value, str) or prop is None else prop.syntax.coerce(value)
            yield from (option, f"{name}:{text if prop is None else show(prop, str(text))}")
