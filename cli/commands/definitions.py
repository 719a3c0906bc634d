"""``definitions``: the definitions that the configuration holds, which everybody who opens it knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.definitions.installed import InstalledText, as_given
from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import ConfobjectsError, DefinitionError, NoSuchObjectError, ObjectExistsError
from confobjects.inputs import MEDIUM, read_any, read_regular
from confobjects.mapping.installed import read_installed
from confobjects.paths import ROOT

from ..command import make_command
from ..invocation import Invocation
from ..output.changes import tell_changes
from ..output.shown import summarise_check

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.definitions.documents import DefinitionDocument
    from confobjects.management import ManagementContext
    from confobjects.objects.changes import ChangeReport

    from ..words.splitting import Words

_HELP = """Manage the definitions that the configuration holds: everybody who opens it knows the objects they define.

\b
definitions install FILE…  install definitions, or newer versions of them
definitions list           show where they come from, and which are used
definitions show NAME      print a definition
definitions remove NAME…   remove definitions that have no objects
definitions export DIR     write the definitions to files
definitions check FILE…    judge definitions as install would; write nothing
definitions stubs DIR      write stubs for type checkers: all properties

A newer version is judged together with the objects that exist: what it breaks is listed, and nothing is written. The values of
a renamed property follow it. --force lets a version give up a secret, a mandatory property or a constraint, or replace what
is built in; with export it replaces files."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(
            ["what"], metavar="install|list|show|remove|export|check|stubs", type=click.Choice(sorted(_ACTIONS))
        ),
        click.Argument(["names"], metavar="[FILE|NAME|DIR]…", nargs=-1),
        click.Option(["-f", "--force"], is_flag=True, help="Accept what a version gives up; replace files."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, names: Sequence[str], force: bool) -> int:
    least, most, missing = _COUNTS[what]
    if not least <= len(names) <= most:
        raise click.UsageError(missing)
    return _ACTIONS[what](invocation, names, force)


# -- changing --------------------------------------------------------------------------------------------------------


def _install(invocation: Invocation, paths: Sequence[str], force: bool) -> int:
    given = _read_files(paths)
    report = _change(invocation, given, force=force, dry_run=invocation.dry_run)
    return tell_changes(invocation, report, f"installed: {', '.join(one.name for one in given)}")


def _check(invocation: Invocation, paths: Sequence[str], force: bool) -> int:
    given = _read_files(paths)
    report = _change(invocation, given, force=force, dry_run=True)
    if invocation.form == "json":
        return tell_changes(invocation, report, "")
    invocation.warn(report.warnings)
    if not invocation.quiet:
        invocation.say_sentences(summarise_check(len(given), "definition", len(report.warnings)))
    return 0


def _change(invocation: Invocation, given: Sequence[InstalledText], *, force: bool, dry_run: bool) -> ChangeReport:
    from confobjects.management.installing import install

    with invocation.open(tolerant=True) as context:
        transaction = context.change(dry_run=dry_run, accept_losses=force, expected=given)
        try:
            with transaction:
                install(transaction, given)
        except ConfobjectsError as error:
            if wrong := _find_shape_problems(given):  # what else was found may only follow from these
                raise DefinitionError(wrong) from error
            raise type(error)(_name_files(error.diagnostics, given, context)) from error
        report = transaction.report
        return report.replace(warnings=tuple(_name_files(report.warnings, given, context)))


def _name_files(
    problems: Iterable[Diagnostic], given: Iterable[InstalledText], context: ManagementContext
) -> Iterator[Diagnostic]:
    """Yield problems with the files in place of the entries that they become."""
    mapper = context.site.mapper
    files = {str(mapper.dn_of(ROOT.child(HOLDER_KIND, one.name))): one.origin for one in given}
    return (problem.replace(origin=files.get(problem.origin, problem.origin)) for problem in problems)


def _read_files(paths: Sequence[str]) -> list[InstalledText]:
    """Return the definitions in files. Raises :class:`~confobjects.errors.DefinitionError` with every problem."""
    from confobjects.definitions.reviewing import read_given

    found: dict[str, InstalledText] = {}
    problems: list[Diagnostic] = []
    for path in paths:
        try:
            text = read_any(path, MEDIUM).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            problems.append(Diagnostic("broken-definition", f"it cannot be read: {reason}", origin=path))
            continue
        given, wrong = read_given(path, text)
        problems.extend(wrong)
        if given is not None and given.name in found:
            summary = f'"{given.name}" is defined twice'
            detail = f"the other one is in {found[given.name].origin}"
            problems.append(Diagnostic("broken-definition", summary, origin=path, detail=detail))
        elif given is not None:
            found[given.name] = given
    if problems:
        raise DefinitionError([*problems, *_find_shape_problems(found.values())])
    return list(found.values())


def _find_shape_problems(several: Iterable[InstalledText]) -> list[Diagnostic]:
    from confobjects.definitions.reviewing import find_shape_problems

    return [problem for given in several for problem in find_shape_problems(given)]


def _remove(invocation: Invocation, names: Sequence[str], _force: bool) -> int:
    with invocation.open(tolerant=True) as context, context.change(dry_run=invocation.dry_run) as transaction:
        for name in names:
            find_installed(context, name)
            transaction.delete(HOLDER_KIND, name)
    return tell_changes(invocation, transaction.report, f"removed: {', '.join(names)}")


def find_installed(context: ManagementContext, name: str) -> InstalledText:
    """Return an installed definition. Raises :class:`~confobjects.errors.NoSuchObjectError`."""
    found = {one.name.casefold(): one for one in read_installed(context.storage)}
    if name.casefold() not in found:
        hint = suggest_name(name, [one.name for one in found.values()])
        if not hint and name in context.registry:
            hint = f"it is from {context.registry.documents[name].origin}"
        summary = f'the configuration holds no definition "{name}"'
        raise NoSuchObjectError(Diagnostic("no-such-object", summary, argument=name, remedy=hint))
    return found[name.casefold()]


# -- showing ---------------------------------------------------------------------------------------------------------


def _show(invocation: Invocation, names: Sequence[str], _force: bool) -> int:
    with invocation.open(tolerant=True) as context:
        found = find_installed(context, names[0])
    invocation.say(as_given(found.text), exact=True)
    return 0


def _list(invocation: Invocation, _names: Sequence[str], _force: bool) -> int:
    with invocation.open(tolerant=True) as context:
        registry = context.registry
        rows = sorted(list_definitions(registry, read_installed(context.storage), built_in=invocation.verbose))
    if invocation.form == "json":
        from ..output.json import dumps

        keys = ("name", "source", "origin", "version", "state")
        invocation.say(dumps({"definitions": [dict(zip(keys, row, strict=True)) for row in rows]}))
        return 0
    if invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(rows))
        return 0
    from ..output.table import format_table

    shown = [(name, source, version or "-", state) for name, source, _, version, state in rows]
    heading = ("Definition", "From", "Version", "State")
    invocation.say(format_table(heading, shown) if rows else "The configuration holds no definitions.")
    for one in registry.unusable if rows else ():
        invocation.warn(one.as_warnings())
    return 0


def list_definitions(
    registry: Registry, installed: Sequence[InstalledText], *, built_in: bool
) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield name, source, origin, version and state of each definition; the built-in ones only if they are asked for."""
    unusable = {one.installed.origin: one for one in registry.unusable}
    known: dict[str, DefinitionDocument] = {**registry.packages, **registry.documents}
    for one in installed:
        used = known.get(one.name)
        if one.origin in unusable:
            state, version = f"not usable: {unusable[one.origin].reason}", ""
        elif used is not None and used.source == "installed":
            state, version = "used", str(used.data["version"])
        else:
            state, version = "replaced", ""
        yield one.name, "installed", one.origin, version, state
    for name, document in known.items():
        if document.source == "directory" or (built_in and document.source in {"family", "built-in"}):
            yield name, document.source, document.origin, str(document.data["version"]), "used"


def _export(invocation: Invocation, names: Sequence[str], force: bool) -> int:
    from confobjects.definitions.reviewing import is_name

    directory = names[0]
    with invocation.open(tolerant=True) as context:
        found = [one for one in read_installed(context.storage) if is_name(one.name)]
    written = {os.path.join(directory, f"{one.name}.json"): as_given(one.text).encode() for one in found}
    _write_files(invocation, written, force=force)
    if not invocation.quiet and invocation.form == "table":
        invocation.say("\n".join(written) or "The configuration holds no definitions.")
    return 0


def _write_stubs(invocation: Invocation, names: Sequence[str], force: bool) -> int:
    """Write a partial stub package (PEP 561), which adds the objects in use to what confobjects says itself."""
    from confobjects.reference.stubs import render_stub

    with invocation.open() as context:
        text = render_stub(context.registry)
    package = os.path.join(names[0], "confobjects-stubs")
    written = {
        os.path.join(package, "py.typed"): b"partial\n",
        os.path.join(package, "objects", "typed.pyi"): text.encode(),
    }
    _write_files(invocation, written, force=force)
    if not invocation.quiet and invocation.form == "table":
        invocation.say("\n".join(written))
    return 0


def _write_files(invocation: Invocation, written: Mapping[str, bytes], *, force: bool) -> None:
    """Write files. Raises :class:`~confobjects.errors.ObjectExistsError` rather than replace others, unless ``force``."""
    from confobjects.storage.files import translate_errors
    from confobjects.storage.replacing import Replacement

    problems = [
        Diagnostic("object-exists", "there is another file already", origin=path, remedy="--force replaces it")
        for path, data in written.items()
        if not force and _is_another(path, data)
    ]
    if problems:
        raise ObjectExistsError(problems)
    if not invocation.dry_run:
        for path, data in written.items():
            with translate_errors("make the directory", path):
                os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            with Replacement(os.path.realpath(path), data) as replacement:
                replacement.take_place()


def _is_another(path: str, data: bytes) -> bool:
    """Tell whether there is something at a path, and it is not a file with this content."""
    try:
        return read_regular(path, MEDIUM)[0] != data
    except FileNotFoundError:
        return False
    except OSError:
        return True


_Action = Callable[[Invocation, Sequence[str], bool], int]
_MANY: Final = 10_000
_ACTIONS: Final[dict[str, _Action]] = {
    "check": _check,
    "export": _export,
    "install": _install,
    "list": _list,
    "remove": _remove,
    "show": _show,
    "stubs": _write_stubs,
}
_COUNTS: Final[dict[str, tuple[int, int, Any]]] = {
    "check": (1, _MANY, "name the files to check: definitions check FILE…"),
    "export": (1, 1, "name one directory: definitions export DIR"),
    "install": (1, _MANY, "name the files to install: definitions install FILE…"),
    "list": (0, 0, "list takes no name"),
    "remove": (1, _MANY, "name the definitions to remove: definitions remove NAME…"),
    "show": (1, 1, "name one definition: definitions show NAME"),
    "stubs": (1, 1, "name one directory: definitions stubs DIR"),
}
