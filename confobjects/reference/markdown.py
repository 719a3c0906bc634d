"""The configuration reference as Markdown: a page per type of object, an index, syntaxes, commands, exit codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
from confobjects.definitions.model import ROOT_NAME
from confobjects.errors import (
    BROKEN_PIPE,
    CODES,
    DIFFERENCES,
    DONE,
    INTERRUPTED,
    MAIL_STAGES,
    ConfobjectsError,
    MailError,
)
from confobjects.reference import outputs
from confobjects.reference.facts import describe_administrators, describe_re_entry, describe_verification, facts
from confobjects.syntaxes import REGISTRY
from confobjects.texts.articles import choose_article

_GENERATED = "<!-- generated from the definitions by `python -m tests.docs_check --write`; do not edit -->\n"


def pages(registry: Registry) -> Mapping[str, str]:
    """Return every page of the reference by file name."""
    result = {f"{definition.name}.md": object_page(definition, registry) for definition in registry}
    result["index.md"] = index_page(registry)
    result["properties.md"] = property_index(registry)
    result["syntaxes.md"] = syntaxes_page()
    result["subcommands.md"] = subcommands_page(registry)
    result["exit-codes.md"] = exit_codes_page()
    result["output.md"] = outputs.render_page()
    return {name: _GENERATED + text for name, text in result.items()}


# -- objects -----------------------------------------------------------------------------------------------------


def object_page(definition: ManagedObjectDefinition, registry: Registry) -> str:
    """Return the page of one type: its description, its related types, then every property with its nine facts."""
    basic = [p for p in _select_visible(definition) if not p.advanced]
    advanced = [p for p in _select_visible(definition) if p.advanced]
    lines = [f"# {definition.friendly}", "", definition.synopsis]
    if definition.description:
        lines += ["", definition.description]
    if definition.note:
        lines += ["", f"> {definition.note}"]
    if verified := describe_verification(definition):
        lines += ["", verified]
    if definition.abstract:
        lines += ["", "This is an abstract type: objects are made of one of its subtypes."]
    lines += _render_relatives(definition, registry)
    lines += _render_dependencies(definition, registry)
    lines += ["", f"## {definition.friendly} properties", ""]
    lines += ["Every value may be a [configuration expression](../decisions/expressions.md), evaluated at startup.", ""]
    lines += _render_overview(basic, advanced)
    for heading, properties in (("Basic properties", basic), ("Advanced properties", advanced)):
        if properties:
            lines += ["", f"### {heading}"]
        if properties and heading.startswith("Advanced"):
            lines += ["", "Shown with the option `--advanced`, or when asked for by name."]
        for prop in properties:
            lines += ["", *_render_property(prop, registry)]
    lines += _render_constraints(definition)
    lines += _render_views(definition)
    return "\n".join(lines) + "\n"


def _select_visible(definition: ManagedObjectDefinition) -> list[PropertyDefinition]:
    return [prop for _, prop in sorted(definition.properties.items()) if not prop.hidden]


def _render_relatives(definition: ManagedObjectDefinition, registry: Registry) -> Iterator[str]:
    parents = registry.parents(definition.name)
    if parents:
        yield ""
        yield f"Parent type: {_link_to(registry, parents[-1])}."
    below = [name for name in registry.subtypes(definition.name) if definition.name in registry.parents(name)]
    if below:
        yield ""
        yield f"Subtypes: {', '.join(_link_to(registry, name) for name in below)}."
    relation = registry.relation_of(definition.top)
    yield ""
    if relation.parent == ROOT_NAME:
        commands = "" if relation.hidden else f" Commands: [{relation.name}](subcommands.md#{relation.name})."
        yield f"Objects of this kind are at the top of the configuration.{commands}"
    else:
        yield f"Objects of this kind are below {_link_to_one(registry, relation.parent)}."


def _render_dependencies(definition: ManagedObjectDefinition, registry: Registry) -> Iterator[str]:
    targets = sorted({one.relation for prop in definition.properties.values() for one in prop.references})
    relation = registry.relation_of(definition.top)
    users = sorted({name for name, _ in registry.users(relation.name)})
    if not targets and not users:
        return
    yield ""
    yield "## Dependencies"
    for words, names in (
        ("depends on", [registry.relation(target).target for target in targets]),
        ("is depended on by", users),
    ):
        if names:
            yield ""
            yield f"{_name_one(definition, relation)} {words}:"
            yield ""
            yield from (f"* {_link_to(registry, name)}" for name in names)


def _name_one(definition: ManagedObjectDefinition, relation: Relation) -> str:
    """Return an object of a kind as the first words of a sentence."""
    name = definition.indefinite if relation.named else f"the {definition.friendly}"
    return name[0].upper() + name[1:]


def _link_to_one(registry: Registry, name: str) -> str:
    return f"{choose_article(registry.definition(name).friendly)} {_link_to(registry, name)}"


def _link_to(registry: Registry, name: str) -> str:
    return f"[{registry.definition(name).friendly}]({name}.md)"


def _render_overview(basic: list[PropertyDefinition], advanced: list[PropertyDefinition]) -> Iterator[str]:
    yield "| Basic properties | Advanced properties |"
    yield "| --- | --- |"
    cells = [" ".join(f"[{p.name}](#{p.name})" for p in group) for group in (basic, advanced)]
    yield f"| {cells[0]} | {cells[1]} |"


def _render_property(prop: PropertyDefinition, registry: Registry) -> Iterator[str]:
    """Yield the block of one property: its nine facts, and its other declarations."""
    yield f"#### {prop.name}"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    for heading, text in facts(prop, registry):
        yield f"| *{heading}* | {_escape_cell(text)} |"
    if prop.sensitive:
        yield ""
        yield "Sensitive: the value is never shown, logged or exported in clear text."
    if again := describe_re_entry(prop):
        yield ""
        yield again
    if reserved := describe_administrators(prop):
        yield ""
        yield reserved
    if prop.deprecated:
        yield ""
        yield f"Deprecated: {prop.deprecated}"
    if prop.renamed_from:
        yield ""
        yield f"Earlier names: {', '.join(prop.renamed_from)}."


def _render_constraints(definition: ManagedObjectDefinition) -> Iterator[str]:
    rules = [c for c in definition.constraints if c.condition is not None or c.function]
    if not rules:
        return
    yield ""
    yield "## Constraints"
    yield ""
    yield "| Rule | Kind | Remedy |"
    yield "| --- | --- | --- |"
    for rule in rules:
        yield f"| {_escape_cell(rule.name)}: {_escape_cell(rule.synopsis)} | {rule.severity} | {_escape_cell(rule.remedy) or '-'} |"


def _render_views(definition: ManagedObjectDefinition) -> Iterator[str]:
    if not definition.views:
        return
    yield ""
    yield "## Derived from the values"
    yield ""
    yield "Shown with the option `--effective`, each row with its origin."
    yield ""
    for view in definition.views:
        yield f"- `{view.name}`: {view.synopsis}"


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>").replace("<", "&lt;").replace("&lt;br>", "<br>")


# -- the other pages ---------------------------------------------------------------------------------------------


def index_page(registry: Registry) -> str:
    """Return the list of all types, by relation."""
    lines = ["# Configuration reference", "", "| Object | What it is |", "| --- | --- |"]
    for _, relation in sorted(registry.relations().items()):
        for name in registry.subtypes(relation.target):
            indent = "" if name == relation.target else "&nbsp;&nbsp;"
            lines.append(f"| {indent}{_link_to(registry, name)} | {_escape_cell(registry.definition(name).synopsis)} |")
    lines += [
        "",
        "Also: [all properties](properties.md), [syntaxes of values](syntaxes.md), [subcommands](subcommands.md),",
        "[exit codes](exit-codes.md), [JSON output](output.md), [SMTP properties](smtp-properties.md), and",
        "[what failures of mail mean](mail-diagnoses.md). For programs: [Python API](python.md).",
    ]
    return "\n".join(lines) + "\n"


def property_index(registry: Registry) -> str:
    """Return all properties in alphabetical order with the types that declare them."""
    found: dict[str, list[str]] = {}
    for definition in registry:
        for prop in _select_visible(definition):
            if prop.declared_by == definition.name:
                found.setdefault(prop.name, []).append(definition.name)
    lines = ["# Properties", "", "| Property | Declared by |", "| --- | --- |"]
    for name, types in sorted(found.items()):
        links = ", ".join(f"[{registry.definition(t).friendly}]({t}.md#{name})" for t in types)
        lines.append(f"| {name} | {links} |")
    return "\n".join(lines) + "\n"


def syntaxes_page() -> str:
    """Return every syntax with its parameters and examples."""
    lines = ["# Syntaxes of values", "", "Each property has one of these syntaxes, and often limits of its own."]
    for name, syntax in REGISTRY.items():
        examples = [sample[1] for sample in syntax.samples_good if sample[1].isprintable() and len(sample[1]) < 40]
        lines += ["", f"## {name}", "", (syntax.__doc__ or "").strip().splitlines()[0]]
        if syntax.parameters:
            lines += ["", f"Parameters in a definition: {', '.join(f'`{p}`' for p in syntax.parameters)}."]
        if syntax.parts:
            lines += ["", "Parts that conditions may look at:", ""]
            lines += [f"- `{part}`: {meaning}" for part, meaning in syntax.parts.items()]
        shown = list(dict.fromkeys(examples))[:5]
        lines += ["", f"Examples: {', '.join(f'`{example}`' for example in shown)}."]
    return "\n".join(lines) + "\n"


def subcommands_page(registry: Registry) -> str:
    """Return the generated commands of every object."""
    lines = ["# Subcommands", "", "Each object has its commands; `confobjects COMMAND --help` shows their options."]
    for name, relation in sorted(registry.relations().items()):
        if relation.hidden:
            continue
        lines += ["", f"## {name}", "", relation.synopsis, ""]
        lines += [f"* `{line}`" for line in commands_of(relation, registry)]
        types = registry.types_of(relation)
        if list(types) != ["generic"]:
            lines += ["", f"Types: {', '.join(f'`{short}`' for short in types)}."]
    return "\n".join(lines) + "\n"


def commands_of(relation: Relation, registry: Registry) -> Iterable[str]:
    """Yield the command lines of an object's verbs with their most important options."""
    lineage = [step for step in registry.lineage(relation) if step.named]
    named = [
        f"--{s.name_option} NAME" if s.kind != "set" else f"--{s.name_option.removesuffix('name')}type TYPE"
        for s in lineage
    ]
    names = "".join(f" {option}" for option in named)
    above = "".join(f" {option}" for option in (named[:-1] if relation.named else named))
    if relation.kind != "singleton":
        yield f"create-{relation.name}{names} [--type TYPE] --set PROPERTY:VALUE …"
        listed = relation.plural if relation.named else relation.name
        yield f"list-{listed}{above} [--property PROPERTY …]"
    yield f"get-{relation.name}-prop{names} [--property PROPERTY …]"
    yield f"set-{relation.name}-prop{names} --set|--add|--remove PROPERTY:VALUE --reset PROPERTY …"
    if relation.kind != "singleton":
        yield f"delete-{relation.name}{names} [--force]"


def exit_codes_page() -> str:
    """Return the table of exit statuses, from the error classes."""
    rows: list[tuple[int, str, str]] = [
        (DONE, "", "Done, also when there was nothing to change."),
        (DIFFERENCES, "", "A comparison found differences, or a strict check warnings."),
        (INTERRUPTED, "", "Interrupted with Ctrl-C."),
        (BROKEN_PIPE, "", "The reader of the output closed it."),
    ]
    for code, error in CODES.items():
        if error is MailError:
            continue
        words = (error.__doc__ or "").strip().splitlines()[0]
        if error is ConfobjectsError:
            words = "An error in the program: please report it."
        rows.append((error.exit_code, code, words))
    rows += [(status, f"mail-{stage}", f"Mail failed at the stage {stage}.") for stage, status in MAIL_STAGES.items()]
    lines = ["# Exit codes", "", "| Status | Code in JSON | Meaning |", "| --- | --- | --- |"]
    lines += [f"| {status} | {code} | {words} |" for status, code, words in sorted(rows)]
    return "\n".join(lines) + "\n"
