"""Judge what is stored as the startup does: evaluate every value and judge every object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from confobjects.actions import RemedyAction
from confobjects.definitions.model import ROOT_NAME
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.management.progress import Progress, report_each
from confobjects.management.strays import find_strays
from confobjects.mapping.protocol import is_remote
from confobjects.objects.effective import EffectiveConfiguration
from confobjects.objects.judging import Judge

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.site import Site
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.judging import Judgement
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import World


def judge_all(
    site: Site, instance_directory: str, progress: Progress | None = None
) -> tuple[EffectiveConfiguration, tuple[Diagnostic, ...]]:
    """Judge every object with a site's evaluator; return the effective configuration and every error found."""
    world = site.open_world()
    objects = list(site.all_objects(world))
    strays = find_strays(site, world, objects)
    return _judge_objects(site, world, report_each(objects, progress), instance_directory, remarks=strays)


def judge_one(
    site: Site, obj: ManagedObject, instance_directory: str, world: World | None = None
) -> tuple[EffectiveObject, tuple[Diagnostic, ...]]:
    """Judge one object and those it refers to; return the effective object and every error found.

    The others are read from ``world`` if it is given, otherwise from the storage. Objects of which a configuration has one
    each are known beside it, whatever is wrong with them.
    """
    waiting = [obj]
    configuration, problems = _judge_objects(
        site, site.open_world() if world is None else world, waiting, instance_directory, waiting.append
    )
    return configuration.at(obj.path), problems


def judge_some(
    site: Site, objects: Iterable[ManagedObject], instance_directory: str, world: World | None = None
) -> tuple[EffectiveConfiguration, tuple[Diagnostic, ...]]:
    """Judge some objects and those they refer to; return the configuration of these alone, and every error found.

    The others are read from ``world`` if it is given, otherwise from the storage.
    """
    waiting = list(objects)
    return _judge_objects(
        site, site.open_world() if world is None else world, waiting, instance_directory, waiting.append
    )


def _judge_objects(  # noqa: PLR0913 - what to judge, and how
    site: Site,
    world: World,
    objects: Iterable[ManagedObject],
    instance_directory: str,
    follow: Callable[[ManagedObject], None] | None = None,
    *,
    remarks: Sequence[Diagnostic] = (),
) -> tuple[EffectiveConfiguration, tuple[Diagnostic, ...]]:
    """Judge objects; ``follow`` takes those that they refer to, ``remarks`` are what is wrong beside them.

    With ``follow`` the single objects of the configuration are judged as well, and nothing is said of them.
    """
    judge = Judge(site.registry, world, site.evaluator)
    judged_all: dict[Any, Judgement] = {}
    errors = [problem for problem in remarks if problem.severity == "error"]
    warnings = [
        *site.storage.warnings,
        *warn_of_unusable(site.registry),
        *(problem for problem in remarks if problem.severity == "warning"),
    ]
    for obj in objects:
        if obj.path in judged_all:
            continue
        judged = judge.judge(obj)
        judged_all[obj.path] = judged
        if follow is not None:
            for found in _find_targets(judge, judged, world):
                follow(found)
        problems = find_problems(judge, judged)
        errors.extend(p for p in problems if p.severity == "error")
        warnings.extend(p for p in problems if p.severity == "warning")
    seen = (judged.object for judged in judged_all.values())
    warnings.extend(
        count_unknown(seen, site.registry) if site.storage.is_foreign else warn_of_unknown(seen, "kept and not used")
    )
    for single in () if follow is None else _find_singles(site.registry, world):
        if single.path not in judged_all:
            judged_all[single.path] = judge.judge(single)
    configuration = EffectiveConfiguration(
        site.registry,
        judged_all,
        judge.find_targets,
        tuple(warnings),
        instance_directory,
        lambda base: _read_entries(site.storage, base),
        is_remote=is_remote(site.storage.url),
        url=site.storage.url,
    )
    return configuration, tuple(errors)


def _find_singles(registry: Registry, world: World) -> Iterator[ManagedObject]:
    """Yield the objects of which a configuration has one each."""
    for relation in registry.relations().values():
        if relation.kind == "singleton" and relation.parent == ROOT_NAME:
            found = world.find(registry.path_of(relation.name))
            if found is not None:
                yield found


def find_problems(judge: Judge, judged: Judgement) -> list[Diagnostic]:
    """Return the problems of an object by itself and of its references, as they count at startup."""
    problems = [*judged.problems, *judge.check_references(judged)]
    if problems and judge.is_enabled(judged) is False:
        # A disabled object does nothing yet: a value that it lacks does not stop the others.
        return [p.replace(severity="warning") if p.code == "unresolved-expression" else p for p in problems]
    return problems


def _read_entries(storage: Storage, base: str) -> list[Entry]:
    """Return the entries at a DN and below it as they are now; a connection opened for that is closed again."""
    try:
        return list(storage.search(DN.parse(base), "sub"))
    finally:
        storage.close()


def _find_targets(judge: Judge, judged: Judgement, world: World) -> Iterator[ManagedObject]:
    """Yield the objects that one refers to, as far as they exist."""
    for prop in judged.object.definition.properties.values():
        for reference in prop.references:
            paths = judge.find_targets(judged, prop, reference)
            yield from (found for path in paths if (found := world.find(path)) is not None)


def warn_of_unusable(registry: Registry) -> Iterator[Diagnostic]:
    """Yield a warning for each problem of an installed definition that had to be left out."""
    for one in registry.unusable:
        yield from one.as_warnings()


def count_unknown(objects: Iterable[ManagedObject], registry: Registry) -> Iterator[Diagnostic]:
    """Yield a warning for each object of a server that has attributes of no property: the server knows what they are.

    If all attributes of properties begin alike, one that begins otherwise belongs to another object class of the entry.
    """
    strange = [obj for obj in objects if obj.unknown]
    prefix = _find_prefix(registry) if strange else ""
    for obj in strange:
        if unknown := [name for name in obj.unknown if name.lower().startswith(prefix)]:
            shown = ", ".join(unknown[:_FEW])
            more = f" and {len(unknown) - _FEW} more" if len(unknown) > _FEW else ""
            many = len(unknown) > 1
            summary = f"the attribute{'s' * many} {shown}{more} belong{'s' * (not many)} to no property: {'they are' if many else 'it is'} kept"
            remedy = ("another set of definitions may know it (", RemedyAction("give-definitions"), ")")
            yield Diagnostic("broken-data", summary, path=str(obj.path), remedy=remedy, severity="warning")


def _find_prefix(registry: Registry) -> str:
    """Return how the attributes of all properties begin, in lower case: ``ds-cfg-`` or ``olc``; empty if not alike."""
    names = {prop.attribute.lower() for definition in registry for prop in definition.properties.values()}
    first, last = min(names, default=""), max(names, default="")
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    prefix = "".join(letter for letter, _ in alike)
    return prefix[: prefix.rfind("-") + 1] or prefix


_FEW: Final = 3
"""How many attributes a warning lists."""


def warn_of_unknown(objects: Iterable[ManagedObject], fate: str) -> Iterator[Diagnostic]:
    """Yield a warning for each attribute that belongs to no property, however many objects have it.

    ``fate`` tells what becomes of it.
    """
    found: dict[str, tuple[str, list[ManagedObject]]] = {}
    for obj in objects:
        for attribute in obj.unknown:
            found.setdefault(attribute.lower(), (attribute, []))[1].append(obj)
    for attribute, holders in found.values():
        where = f" in {len(holders)} objects" if len(holders) > 1 else ""
        fixed = holders[0].definition.find_fixed(attribute)
        why = "belongs to no property" if fixed is None else f"is not used, because {fixed.name} always has its default"
        yield Diagnostic(
            "broken-data",
            f"the attribute {attribute} {why}{where}: it is {fate}",
            path=str(holders[0].path),
            severity="warning",
        )
