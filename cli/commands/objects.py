"""The five verbs of every object, made from its relation: create, list, get, set, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects.errors import error_for
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation
from ..needed import NeededOption, may_ask
from ..output.shown import ListDisplay, ShownProperty, choose_properties, show, units_of
from ..words.names import name_options, take_names
from ..words.splitting import value_of

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation
    from confobjects.management import ManagementContext, Site, StorageWorld
    from confobjects.management.verifying import Standing
    from confobjects.objects.effective import ViewResult
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.reading import PropertyReader
    from confobjects.paths import ManagedObjectPath

    from ..words.splitting import Words


def build(verb: str, relation: Relation, words: Words, registry: Registry) -> click.Command:
    """Return the command of a verb for the objects of a relation."""
    return _BUILDERS[verb](relation, words, registry)


# -- the options of the verbs ------------------------------------------------------------------------------------


def _name_one(relation: Relation) -> str:
    """Return what a command is about, in words: a Mail Server, the Mail Service."""
    return relation.indefinite if relation.named else f"the {relation.friendly}"


def _repeated_option(spelling: str, metavar: str, help: str) -> click.Option:  # noqa: A002 - the word of click
    return click.Option([spelling], metavar=metavar, multiple=True, help=help)


def _value_options() -> list[click.Parameter]:
    return [
        _repeated_option("--set", "PROPERTY:VALUE", "Set a property; repeat the option for further values."),
        _repeated_option("--set-file", "PROPERTY:PATH", "Set a property to the text of a file."),
        _repeated_option("--set-env", "PROPERTY:VARIABLE", "Set a property to the value of an environment variable."),
        _repeated_option("--set-prompt", "PROPERTY", "Ask for the value of a property without showing it."),
    ]


def _type_option(relation: Relation, registry: Registry, *, required: bool, advanced: bool) -> click.Option:
    types = registry.types_of(relation)
    usual = [short for short, d in types.items() if relation.lists(d, advanced=advanced)]
    help_ = f"The type of the {relation.friendly}: {', '.join(usual or types)}."
    declared = ["-t", "--type", "type_"]
    if required:
        return NeededOption(
            declared, metavar="TYPE", help=help_, choices=lambda _invocation, _values: usual or list(types)
        )
    return click.Option(declared, metavar="TYPE", help=help_)


def _unit_options() -> list[click.Parameter]:
    return [
        click.Option(["-z", "--unit-size"], metavar="UNIT", help="Show sizes in this unit (b, kb, kib, mb, …)."),
        click.Option(["-m", "--unit-time"], metavar="UNIT", help="Show durations in this unit (ms, s, m, h, d, w)."),
    ]


# -- create, set, delete -----------------------------------------------------------------------------------------


def _build_create(relation: Relation, words: Words, registry: Registry) -> click.Command:
    required = registry.usual_type(relation) is None
    type_option = _type_option(relation, registry, required=required, advanced=words.has("--advanced"))

    def run(invocation: Invocation, if_absent: bool, type_: str | None = None, **values: Any) -> int:
        from ..performing import Operation, PropertyChanges, perform
        from ..words.assignments import given_values

        names = take_names(relation, registry, values)
        changes = PropertyChanges(set=given_values(invocation, relation, **values))
        operation = Operation("create", relation.name, names, type_, changes, tolerant=if_absent)
        if may_ask(invocation):
            from ..interactive.direct import complete_creation, is_incomplete

            if is_incomplete(relation, registry, operation):
                return complete_creation(invocation, relation, operation)
        return perform(invocation, operation, f"The {relation.friendly} {_quote_name(names)}was created.")

    def explain() -> str:
        from ..words.creating import explain_creation

        given = value_of(words, "--type") or value_of(words, "-t")
        return f"Create {_name_one(relation)}.\n\n{explain_creation(relation, registry, given)}"

    typed = [] if relation.kind == "set" else [type_option]
    tolerant = click.Option(["--if-absent"], is_flag=True, help="Leave an existing object as it is.")
    parameters = [*name_options(relation, registry, new=True), *typed, *_value_options(), tolerant]
    return make_command(words, registry, parameters, run, explain)


def _build_set(relation: Relation, words: Words, registry: Registry) -> click.Command:
    def run(invocation: Invocation, type_: str | None = None, **values: Any) -> int:
        from ..performing import Operation, PropertyChanges, perform
        from ..words.assignments import given_changes

        names = take_names(relation, registry, values)
        changes = given_changes(invocation, relation, **values)
        if changes == PropertyChanges() and type_ is None and may_ask(invocation):
            from ..interactive.direct import edit_object

            return edit_object(invocation, relation, names)
        operation = Operation("modify", relation.name, names, type_, changes)
        return perform(invocation, operation, f"The {relation.friendly} {_quote_name(names)}was changed.")

    typed = relation.kind == "singleton" and len(registry.types_of(relation)) > 1
    parameters = [
        *name_options(relation, registry),
        *([_type_option(relation, registry, required=False, advanced=words.has("--advanced"))] if typed else []),
        *_value_options(),
        _repeated_option("--add", "PROPERTY:VALUE", "Add a value to a property."),
        _repeated_option("--remove", "PROPERTY:VALUE", "Remove a value from a property."),
        _repeated_option("--reset", "PROPERTY", "Reset a property to its default."),
    ]
    return make_command(words, registry, parameters, run, f"Change properties of {_name_one(relation)}.")


def _build_delete(relation: Relation, words: Words, registry: Registry) -> click.Command:
    def run(invocation: Invocation, force: bool, **values: Any) -> int:
        from ..performing import Operation, perform

        names = take_names(relation, registry, values)
        operation = Operation("delete", relation.name, names, tolerant=force)
        return perform(invocation, operation, f"The {relation.friendly} {_quote_name(names)}was deleted.")

    force = click.Option(["-f", "--force"], is_flag=True, help="Do not fail if the object does not exist.")
    parameters = [*name_options(relation, registry), force]
    return make_command(words, registry, parameters, run, f"Delete {_name_one(relation)}, with everything below it.")


def _quote_name(names: Sequence[str]) -> str:
    return f'"{names[-1]}" ' if names else ""


# -- get, list ---------------------------------------------------------------------------------------------------


def _build_get(relation: Relation, words: Words, registry: Registry) -> click.Command:
    def run(invocation: Invocation, **values: Any) -> int:
        names = take_names(relation, registry, values)
        with invocation.open() as context:
            world = context.world()
            obj = context.get(relation.name, names, world)
            effective = bool(values["effective"])
            site = context.site.replace(evaluate=invocation.make_evaluator()) if effective else context.site
            reader = site.make_reader(world)
            units = units_of(values["unit_size"], values["unit_time"], exact=invocation.form == "script")
            named: Sequence[str] = values["property_"]
            if invocation.compat and not effective and not values["origin"]:
                from ..compat.objects import print_object

                print_object(invocation, obj, reader, named, units, record=values["record"])
            else:
                wanted = choose_properties(obj.definition, named, registry, advanced=invocation.advanced)
                shown = [show(obj, prop, reader, units, effective=effective) for prop in wanted]
                views = _views(invocation, site, obj) if effective and not named else ()
                standing = None if named else _find_standing(invocation, context, obj, world)
                _print_object(invocation, obj, shown, views, standing, record=values["record"], origin=values["origin"])
            invocation.warn(context.storage.warnings)
            if context.storage.is_foreign:
                from confobjects.management.restarting import warn_of_waiting

                invocation.warn(warn_of_waiting(context.site, obj.path))
            return _check_sound(obj, reader)

    parameters = [
        *name_options(relation, registry),
        click.Option(["--property", "property_"], metavar="PROPERTY", multiple=True, help="Show only this property."),
        click.Option(["-E", "--record"], is_flag=True, help="One line for each value."),
        click.Option(["--effective"], is_flag=True, help="Show values with their expressions evaluated."),
        click.Option(["--origin"], is_flag=True, help="Show where each value comes from."),
        *_unit_options(),
    ]
    return make_command(words, registry, parameters, run, f"Show the properties of {_name_one(relation)}.")


def _find_standing(
    invocation: Invocation, context: ManagementContext, obj: ManagedObject, world: StorageWorld
) -> Standing | None:
    """Return how an object stands with its last test; None if no check is named for it, or nobody is told."""
    if obj.definition.verification is None or invocation.form == "script":
        return None
    from confobjects.management.verifying import judge_verifications

    found, told = judge_verifications(context.site, [obj.path], world)
    invocation.warn(told)
    return found[obj.path]


def _views(invocation: Invocation, site: Site, obj: ManagedObject) -> tuple[ViewResult, ...]:
    """Return the views of an object: what its definition computes from the effective values."""
    if not obj.definition.views:
        return ()
    from confobjects.management.judging import judge_one

    effective, problems = judge_one(site, obj, invocation.place.instance_directory)
    if problems:
        return ()  # the values themselves say why they cannot be evaluated
    views = effective.views()
    invocation.warn(problem for view in views for problem in view.problems)
    return views


def _print_object(  # noqa: PLR0913 - what to show, and how
    invocation: Invocation,
    obj: ManagedObject,
    shown: list[ShownProperty],
    views: Sequence[ViewResult],
    standing: Standing | None,
    *,
    record: bool,
    origin: bool,
) -> None:
    if invocation.form == "json":
        from ..output.json import dumps, properties_as_json

        relation = invocation.registry.relation(obj.path.relation)
        head = {"object": relation.name, "name": obj.name, "path": str(obj.path)}
        kind = invocation.registry.short_type_of(obj.definition, relation)
        worked_out = {"views": {view.name: _view_as_json(view) for view in views}} if views else {}
        tested = {} if standing is None else {"verification": standing.as_json()}
        invocation.say(dumps({**head, "type": kind, "properties": properties_as_json(shown), **worked_out, **tested}))
        return
    rows = [row for item in shown for row in _rows(invocation, item, record=record, origin=origin)]
    if invocation.form == "script":
        rows += [
            [f"{view.name}/{name}", value, *([source] if origin else [])]
            for view in views
            for name, value, source in view.rows
        ]
        from ..output.script import format_lines

        invocation.say(format_lines(rows))
        return
    from ..output.table import format_table

    headings = ["Property", "Value(s)", *(["Origin"] if origin else [])]
    invocation.say(format_table(headings, rows))
    for view in views:
        invocation.say_sentences(f"\n{view.name}: {view.synopsis}")
        invocation.say("\n".join(make_visible(f"  {name} = {value}  ({source})") for name, value, source in view.rows))
    if standing is not None and standing.state != "never" and not invocation.quiet:
        from ..verifications import describe_standing

        invocation.say_sentences(f"\nLast test: {make_visible(describe_standing(standing))}.")


def _view_as_json(view: ViewResult) -> list[dict[str, str]]:
    return [{"name": name, "value": value, "origin": origin} for name, value, origin in view.rows]


def _rows(invocation: Invocation, item: ShownProperty, *, record: bool, origin: bool) -> list[list[str]]:
    """Return the lines of one property: one, or with ``record`` one for each value."""
    name, tail = item.property.name, [item.origin] if origin else []
    if invocation.form == "script":
        groups = [[value] for value in item.values] if record and item.values else [list(item.values)]
        return [[name, *values, *tail] for values in groups]
    from ..output.table import format_cell, join_values

    if record and item.values:
        return [[name, join_values([value]), *tail] for value in item.values]
    alias = item.property.default.sentence if invocation.verbose and not item.values else ""
    return [[name, alias or format_cell(item), *tail]]


def _check_sound(obj: ManagedObject, reader: PropertyReader) -> int:
    """Return 0 for a valid object; raise the problems of a broken one after its readable values are printed."""
    problems = [*obj.problems]
    for name, prop in obj.definition.properties.items():
        if name in obj.values:
            problems.extend(p for p in reader.read(obj, prop).problems if p.severity == "error")
    if problems:
        raise error_for([p.replace(code="broken-data") if p.code == "invalid-value" else p for p in problems])
    return 0


def _build_list(relation: Relation, words: Words, registry: Registry) -> click.Command:
    def run(invocation: Invocation, property_: Sequence[str], **values: Any) -> int:
        parents = take_names(relation, registry, values)
        with invocation.open() as context:
            world = context.world()
            columns = [name.lower() for name in property_] or _default_columns(relation, registry)
            if not invocation.compat:
                _check_columns(relation, registry, columns)
            there = context.list(relation.name, parents, world, properties=columns)
            objects = [obj for obj in there if relation.lists(obj.definition, advanced=invocation.advanced)]
            units = units_of(values["unit_size"], values["unit_time"], exact=invocation.form == "script")
            if invocation.compat:
                from ..compat.objects import print_list

                reader = context.site.make_reader(world)
                print_list(invocation, relation, objects, columns, reader=reader, units=units)
                invocation.warn([*context.storage.warnings, *context.strays(world)])
                return 0
            display = ListDisplay(context.site.make_reader(world), units)
            standings = {} if property_ else _find_standings(invocation, context, objects, world)
            shown = [(obj, _cells_of(obj, columns, display), standings.get(obj.path)) for obj in objects]
            if objects or not there or invocation.form != "table":
                _print_list(invocation, relation, columns, shown, named=bool(property_))
            _tell_hidden(invocation, relation, len(there) - len(objects))
            invocation.warn([*context.storage.warnings, *context.strays(world)])
        return 0

    parameters = [
        *name_options(relation, registry, parents_only=True),
        click.Option(["--property", "property_"], metavar="PROPERTY", multiple=True, help="Show this property."),
        *_unit_options(),
    ]
    return make_command(words, registry, parameters, run, f"List the {relation.friendly_plural}.")


def _find_standings(
    invocation: Invocation, context: ManagementContext, objects: Sequence[ManagedObject], world: StorageWorld
) -> dict[ManagedObjectPath, Standing]:
    """Return how objects stand with their last tests, as far as checks are named for them; none if nobody is told."""
    paths = [obj.path for obj in objects if obj.definition.verification is not None]
    if not paths or invocation.form == "script":
        return {}
    from confobjects.management.verifying import judge_verifications

    found, told = judge_verifications(context.site, paths, world)
    invocation.warn(told)
    return found


def _tell_hidden(invocation: Invocation, relation: Relation, number: int) -> None:
    """Say how many objects of advanced types are not shown."""
    if number:
        few = f"1 {relation.friendly} of an advanced type is" if number == 1 else ""
        invocation.note(
            f"{few or f'{number} {relation.friendly_plural} of advanced types are'} not shown; use --advanced."
        )


def _default_columns(relation: Relation, registry: Registry) -> list[str]:
    return list(registry.definition(relation.target).list_columns)


def _check_columns(relation: Relation, registry: Registry, columns: Sequence[str]) -> None:
    """Refuse a column that no type of the relation has."""
    definition = registry.definition(relation.target)
    known = {name for d in registry.concrete_types(relation.target) for name in d.properties}
    for column in columns:
        if column not in known:
            registry.property(definition, column)


def _cells_of(obj: ManagedObject, columns: Sequence[str], display: ListDisplay) -> list[ShownProperty | None]:
    properties = obj.definition.properties
    return [display.show(obj, properties[c]) if c in properties else None for c in columns]


def _print_list(
    invocation: Invocation,
    relation: Relation,
    columns: Sequence[str],
    objects: Sequence[tuple[ManagedObject, Sequence[ShownProperty | None], Standing | None]],
    *,
    named: bool,
) -> None:
    registry = invocation.registry
    if invocation.form == "json":
        from ..output.json import dumps, properties_as_json

        items = [
            {"name": obj.name, "type": registry.short_type_of(obj.definition, relation)}
            | {"properties": properties_as_json(item for item in shown if item is not None)}
            | ({} if standing is None else {"verification": standing.as_json()})
            for obj, shown, standing in objects
        ]
        invocation.say(dumps({"object": relation.name, "items": items}))
        return
    if invocation.form == "script":
        cells = [[obj.name, *([_script_cell(s) for s in shown] if named else [])] for obj, shown, _ in objects]
        from ..output.script import format_lines

        invocation.say(format_lines(cells))
        return
    if objects:
        invocation.say(_format_list(registry, relation, columns, objects))
    elif not invocation.quiet:
        invocation.note(f"There are no {relation.friendly_plural}.")


def _format_list(
    registry: Registry,
    relation: Relation,
    columns: Sequence[str],
    objects: Sequence[tuple[ManagedObject, Sequence[ShownProperty | None], Standing | None]],
) -> str:
    from ..output.table import format_cell, format_table

    typed = list(registry.types_of(relation)) != ["generic"]
    tested = any(standing is not None and standing.state != "never" for _, _, standing in objects)
    formatted: dict[tuple[tuple[str, ...], bool], str] = {}
    rows = []
    for obj, shown, standing in objects:
        row = [obj.name, registry.short_type_of(obj.definition, relation)] if typed else [obj.name]
        for item in shown:
            if item is None:
                row.append("-")
                continue
            key = (item.values, item.undecided)
            if key not in formatted:
                formatted[key] = format_cell(item)
            row.append(formatted[key])
        rows.append([*row, "-" if standing is None else standing.state] if tested else row)
    headings = [relation.friendly, *(["Type"] if typed else []), *columns, *(["Last test"] if tested else [])]
    return format_table(headings, rows)


def _script_cell(shown: ShownProperty | None) -> str:
    """Return the values in one cell; if there may be several, one with a comma or a quote is quoted, its quotes doubled."""
    if shown is None:
        return ""
    if not shown.property.multi_valued:
        return "".join(shown.values)
    return ",".join(_quote_value(value) if "," in value or '"' in value else value for value in shown.values)


def _quote_value(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


_BUILDERS: dict[str, Callable[[Relation, Words, Registry], click.Command]] = {
    "create": _build_create,
    "list": _build_list,
    "get": _build_get,
    "set": _build_set,
    "delete": _build_delete,
}
