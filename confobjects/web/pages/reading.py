"""Pages to read: the graph of objects, how expressions get their values, and the definitions with their reference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from confobjects.errors import NoSuchObjectError, UsageError
from confobjects.expressions.openers import has_opener
from confobjects.management.graphing import build_graph, build_graph_around
from confobjects.records import Record
from confobjects.reference.facts import describe_re_entry, facts
from confobjects.reference.graph_svg import as_svg
from confobjects.reference.text import find_dependencies
from confobjects.web.addresses import Addresses
from confobjects.web.explaining import Explanation, explain_text
from confobjects.web.pages.counting import count_objects
from confobjects.web.pages.views import View

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, Registry
    from confobjects.management import ManagementContext
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Evaluator
    from confobjects.paths import ManagedObjectPath
    from confobjects.web.endpoints import Call

_MOST_NODES: Final = 300
"""Objects in one picture; more of them are no picture."""
_MOST_EXPRESSIONS: Final = 150


def parse_object_path(registry: Registry, text: str) -> ManagedObjectPath:
    """Return the path in a query. Raises UsageError."""
    try:
        return registry.parse_path(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


# -- the graph ---------------------------------------------------------------------------------------------------------


def show_graph(call: Call, context: ManagementContext) -> View:
    """Return the graph of everything, or of an object with what it needs and what uses it."""
    of = call.request.query_params.get("of", "")
    registry = context.registry
    if not of and (number := sum(one.number for one in count_objects(context))) > _MOST_NODES:
        return View("graph.html", "Graph", {"of": "", "number": number}, is_live=True)
    found = build_graph_around(context.site, parse_object_path(registry, of)) if of else build_graph(context.site)
    addresses = Addresses.of(registry)
    links = {
        node.key: f"/objects/{addresses.write_path(registry.parse_path(node.key))}"
        for node in found.nodes
        if node.state in {"enabled", "disabled"}
    }
    is_drawn = 0 < len(found.nodes) <= _MOST_NODES
    data = {
        "of": of,
        "svg": Markup(as_svg(found, links)) if is_drawn else "",  # noqa: S704 - it escapes every text
        "nodes": [(node.key, links.get(node.key, ""), node.describe()) for node in found.nodes[:_MOST_NODES]],
        "edges": [one for one in found.edges if one.label] if is_drawn else [],
        "number": len(found.nodes),
    }
    return View("graph.html", f"Graph of {of}" if of else "Graph", data, is_live=True)


# -- expressions -------------------------------------------------------------------------------------------------------


class Explained(Record):
    """An expression of a stored property."""

    path: str
    address: str
    property: str
    explanation: Explanation


def show_explained(call: Call, context: ManagementContext) -> View:
    """Return the page of every stored expression, or of those of one object: with the variables of this process, or of a file."""
    query, sources = call.request.query_params, call.web.sources
    of, environment = query.get("of", ""), query.get("environment", "")
    wanted = parse_object_path(context.registry, of) if of else None
    world = context.world()
    objects = (obj for obj in context.all(world) if wanted is None or obj.path == wanted)
    evaluate, addresses = sources.make_evaluator(environment), Addresses.of(context.registry)
    every = (one for obj in objects for one in _explain(obj, evaluate, addresses))
    found = list(islice(every, _MOST_EXPRESSIONS + 1))
    data = {
        "of": of,
        "environment": environment,
        "environments": list(sources.environments),
        "found": found[:_MOST_EXPRESSIONS],
        "has_more": len(found) > _MOST_EXPRESSIONS,
    }
    return View("explain.html", f"Explain {of}" if of else "Explain", data, is_live=True)


def _explain(obj: ManagedObject, evaluate: Evaluator, addresses: Addresses) -> Iterator[Explained]:
    address = addresses.write_path(obj.path)
    for name, texts in obj.values.items():
        prop = obj.definition.properties[name]
        for text in filter(has_opener, texts):
            yield Explained(str(obj.path), address, name, explain_text(prop, text, evaluate))


# -- definitions -------------------------------------------------------------------------------------------------------


def show_definitions(_call: Call, context: ManagementContext) -> View:
    """Return the list of all kinds, with their types, and where their definitions come from."""
    registry = context.registry
    kinds = []
    for relation in sorted(registry.relations().values(), key=lambda one: one.friendly.casefold()):
        if not relation.hidden:
            types = [(short, found) for short, found in registry.types_of(relation).items() if not found.hidden]
            kinds.append(
                (relation, registry.definition(relation.target), types, _name_source(registry, relation.target))
            )
    unusable = [problem for one in registry.unusable for problem in one.problems]
    return View("definitions.html", "Definitions", {"kinds": kinds, "problems": unusable}, is_live=True)


def _name_source(registry: Registry, name: str) -> str:
    document = registry.documents.get(name)
    return "" if document is None or document.source == "built-in" else str(document.source)


def show_definition(call: Call, context: ManagementContext) -> View:
    """Return the reference of a definition: its properties with their facts, and its constraints."""
    registry, name = context.registry, call.request.path_params["name"]
    if name not in registry:
        raise NoSuchObjectError(f'there is no definition "{name[:100]}"')
    definition = registry.definition(name)
    properties = sorted((one for one in definition.properties.values() if not one.hidden), key=lambda one: one.name)
    data = {
        "definition": definition,
        "properties": [(one, list(facts(one, registry)), describe_re_entry(one)) for one in properties],
        "constraints": [one for one in definition.constraints if one.synopsis],
        "needs": find_dependencies(registry, name),
        "types": _list_types(registry, definition),
        "source": _name_source(registry, name),
    }
    return View("definition.html", definition.friendly, data)


def _list_types(registry: Registry, definition: ManagedObjectDefinition) -> list[ManagedObjectDefinition]:
    return [registry.definition(one) for one in registry.subtypes(definition.name) if one != definition.name]
