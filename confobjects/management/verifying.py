"""The last tests of objects: what of them is kept, and whether they still count.

Laws of this module:

1. A test counts as long as nothing has changed that it was made with: the object, and all that it refers to, directly or not.
   What cannot be compared has changed.
2. A secret enters a fingerprint under a key that is kept outside the configuration. Without one, the revision of its entry
   stands for it: no secret can be guessed from what is kept.
3. A record that is damaged, that of another object, or from the future is none, and that is said.
4. Keeping a record never fails: it is kept, or there is a word that says why not.
5. The records of some objects are read at once, and what they depend on level by level.

A reference in an expression is followed as far as the defaults in the expression lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.expressions.openers import has_opener
from confobjects.management.world import Overlay, StorageWorld
from confobjects.mapping.verifications import (
    PASSED,
    Fingerprint,
    VerificationRecord,
    key_of,
    read_record,
    write_record,
)
from confobjects.objects.reading import PropertyReader, mask_secret
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation
    from confobjects.management.site import Site
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Sealer

State = Literal["never", "passed", "failed", "changed", "unreadable"]
"""How an object stands: never tested, the last test passed or failed, or something has changed since; or the record is none."""

_USE: Final = "verification"
_AHEAD: Final = 24 * 3600.0
"""Seconds that the clock of another machine may be ahead."""
_MOST_STEPS: Final = 20
"""References that are followed one after another."""


class Outcome(Record):
    """How a test ended: the depth that it was to reach, the code and the stage of its failure, empty if it passed."""

    depth: str
    code: str = ""
    stage: str = ""


class Standing(Record):
    """How an object stands with its last test; ``record`` is what is kept of it, None for "never" and "unreadable"."""

    state: State
    record: VerificationRecord | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for a program."""
        one = self.record
        if one is None:
            return {"state": self.state}
        facts = {"time": one.time, "depth": one.depth, "code": one.code, "stage": one.stage}
        found = {**facts, "who": one.who, "machine": one.machine}
        return {"state": self.state, "ok": one.passed, **{name: value for name, value in found.items() if value}}


NEVER: Final = Standing("never")
UNREADABLE: Final = Standing("unreadable")


# -- what a test was made with ---------------------------------------------------------------------------------------


def find_fingerprint(site: Site, path: ManagedObjectPath, world: StorageWorld | None = None) -> Fingerprint | None:
    """Return what a test of a stored object is made with now, or in a view; None if there is no such object."""
    return find_fingerprints(site, path, world).get(path)


def find_fingerprints(
    site: Site, path: ManagedObjectPath, world: StorageWorld | None = None
) -> dict[ManagedObjectPath, Fingerprint]:
    """Return the same of an object, and of those that it depends on and that have a check of their own, by path."""
    view = world or site.open_world()
    obj = view.find(path)
    if obj is None:
        return {}
    sealer = _open_sealer(site)
    maker = _FingerprintMaker(site, view)
    needs = [need for at in maker.list_needs(obj) if (need := view.find(at)) is not None]
    tested = [obj, *(need for need in needs if need.definition.verification is not None)]
    return {one.path: maker.make(one, sealer, "" if sealer is None else sealer.key_id) for one in tested}


def _open_sealer(site: Site) -> Sealer | None:
    """Return what has the keys; None without keys, or if they cannot be used."""
    try:
        return site.open_sealer()
    except ConfobjectsError:
        return None


class _FingerprintMaker:
    """Makes the fingerprints of objects in one view."""

    def __init__(self, site: Site, world: StorageWorld | Overlay) -> None:
        self._world = world
        self._registry = site.registry
        self._reader = PropertyReader(site.registry, world, site.evaluator)
        self._needs: dict[ManagedObjectPath, tuple[ManagedObjectPath, ...]] = {}

    def read_ahead(self, paths: Iterable[ManagedObjectPath]) -> None:
        """Read some objects and all that they depend on, each level at once."""
        seen: set[ManagedObjectPath] = set()
        level = set(paths)
        for _ in range(_MOST_STEPS):
            seen |= level
            (self._world.below if isinstance(self._world, Overlay) else self._world).read_ahead(level)
            found = (obj for path in level if (obj := self._world.find(path)) is not None)
            level = {need for obj in found for need in self._find_needs(obj)} - seen
            if not level:
                return

    def make(self, obj: ManagedObject, sealer: Sealer | None, key_id: str) -> Fingerprint:
        """Return the fingerprint of an object. The second digest is made with the key of an identifier, if it is there."""
        needs = [self._describe_need(path) for path in self.list_needs(obj)]
        plain = _digest([self._describe(obj, masked=True), needs])
        keyed = None
        if sealer is not None and key_id:
            import json

            from confobjects.texts.contexts import make_context

            data = json.dumps([self._describe(obj, masked=False), needs]).encode()
            keyed = sealer.authenticate(data, make_context(_USE, key_of(obj.path)), key_id)
        return Fingerprint(plain) if keyed is None else Fingerprint(plain, key_id, keyed)

    def _describe(self, obj: ManagedObject, *, masked: bool) -> list[Any]:
        properties = obj.definition.properties
        texts = {name: list(values) for name, values in sorted(obj.values.items()) if name in properties}
        shown = {name: [mask_secret(properties[name], text) for text in values] for name, values in texts.items()}
        if not masked:
            return [obj.definition.name, texts]
        return [obj.definition.name, shown, self._revision_of(obj) if shown != texts else 0]

    def _revision_of(self, obj: ManagedObject) -> int:
        """Return the revision of an object; for one with changes that are not saved yet the one that it will have."""
        is_pending = isinstance(self._world, Overlay) and obj.path in self._world.pending
        return obj.revision + (1 if is_pending else 0)

    def _describe_need(self, path: ManagedObjectPath) -> list[Any]:
        obj = self._world.find(path)
        return [key_of(path), None if obj is None else [self._revision_of(obj), self._describe(obj, masked=True)]]

    def list_needs(self, obj: ManagedObject) -> list[ManagedObjectPath]:
        """Return the paths of what an object depends on, in any number of steps, sorted."""
        self.read_ahead([obj.path])
        found: dict[ManagedObjectPath, None] = {obj.path: None}
        waiting: list[ManagedObject] = [obj]
        for one in waiting:
            for path in self._find_needs(one):
                if path not in found:
                    found[path] = None
                    if (need := self._world.find(path)) is not None:
                        waiting.append(need)
        del found[obj.path]
        return sorted(found)

    def _find_needs(self, obj: ManagedObject) -> tuple[ManagedObjectPath, ...]:
        if obj.path not in self._needs:
            self._needs[obj.path] = tuple(dict.fromkeys(self._find_each_need(obj)))
        return self._needs[obj.path]

    def _find_each_need(self, obj: ManagedObject) -> Iterator[ManagedObjectPath]:
        """Yield what an object depends on, in one step: what it refers to, and what its defaults are inherited from."""
        for prop in obj.definition.properties.values():
            if prop.references:
                texts, _ = self._reader.read_current(obj, prop)
                plain = [text for text in texts if not has_opener(text)]
                if len(plain) < len(texts) and any(r.may_name(text) for r in prop.references for text in texts):
                    plain = [str(value) for value in self._reader.read(obj, prop).known]
                yield from self._registry.find_named(prop, plain)
            if prop.default.kind.startswith("inherited") and not obj.values.get(prop.name):
                yield from (owner.path for owner, _ in self._reader.trace_inheritance(obj, prop) if owner is not obj)


def _digest(data: object) -> str:
    import json
    from hashlib import sha256

    return sha256(json.dumps(data).encode()).hexdigest()


# -- keeping ---------------------------------------------------------------------------------------------------------


def note_verification(
    site: Site, path: ManagedObjectPath, outcome: Outcome, made_with: Fingerprint | None = None
) -> Diagnostic | None:
    """Keep how the test of a stored object ended; return why it could not be kept, as a warning, None if it was.

    ``made_with`` is what :func:`find_fingerprint` returned before the test; without it the object counts as tested as it is
    stored now. Nothing is kept of objects whose definition names no check.
    """
    if not is_verified(site.registry, site.registry.relation(path.relation)):
        return None
    try:
        return _note(site, path, outcome, made_with or find_fingerprint(site, path))
    except ConfobjectsError as error:
        return _explain_unkept(path, error.diagnostics[0])


def _note(site: Site, path: ManagedObjectPath, outcome: Outcome, made_with: Fingerprint | None) -> Diagnostic | None:
    signed = None if site.sign is None else site.sign()
    text = None
    if made_with is not None and signed is not None:
        record = VerificationRecord(
            str(path),
            signed.time,
            outcome.depth,
            outcome.code or PASSED,
            (outcome.stage or outcome.depth) if outcome.code else "",
            signed.actor,
            site.machine,
            made_with,
        )
        text = write_record(record)
    if text is None:
        summary = "the object is gone" if made_with is None else "this test cannot be written as a record"
        return _explain_unkept(path, Diagnostic("storage-failed", summary))
    site.storage.keep_verification(key_of(path), text)
    return None


def _explain_unkept(path: ManagedObjectPath, cause: Diagnostic) -> Diagnostic:
    summary = f"the result of the test was not kept: {cause.summary}"
    return cause.replace(summary=summary, path=str(path), severity="warning")


def forget_replaced(site: Site, changes: Iterable[ObjectChange]) -> None:
    """Forget the tests of objects that some changes have made, deleted or renamed, and of what was below those that are gone.

    One that was tested before it was saved has a record already, of itself. What cannot be removed is left: a test only counts
    for an object that is as the tested one was.
    """
    replaced = {one.path: one.action for one in changes if one.action != "modify" and one.test != "tested"}
    kinds = {path.relation for path in replaced}
    if not any(_may_be_verified(site.registry, kind) for kind in kinds):
        return
    keys = {key_of(path) for path in replaced}
    try:
        for key, text in site.storage.verifications().items():
            record = read_record(text)
            if key in keys or (record is not None and _is_below_any(site.registry, record.path, replaced)):
                site.storage.forget_verification(key)
    except ConfobjectsError:
        return


def _is_below_any(registry: Registry, text: str, paths: Iterable[ManagedObjectPath]) -> bool:
    found = _parse_path(registry, text)
    return found is not None and any(found.is_below(path) for path in paths)


def _parse_path(registry: Registry, text: str) -> ManagedObjectPath | None:
    try:
        return registry.parse_path(text)
    except (ConfobjectsError, ValueError):
        return None


def _may_be_verified(registry: Registry, kind: str) -> bool:
    """Tell whether a check is named, or was, for objects of a kind, or for any that are below them."""
    if kind not in registry.relations():  # its definition was removed with its objects
        return True
    waiting = [registry.relation(kind)]
    for relation in waiting:
        if is_verified(registry, relation):
            return True
        types = registry.concrete_types(relation.target)
        waiting.extend(child for one in types for child in registry.children(one.name) if child not in waiting)
    return False


def is_verified(registry: Registry, relation: Relation) -> bool:
    """Tell whether the definition of any type of a relation names a check that shows whether an object works."""
    return any(one.verification is not None for one in registry.concrete_types(relation.target))


# -- judging ---------------------------------------------------------------------------------------------------------


def judge_verifications(
    site: Site, paths: Sequence[ManagedObjectPath], world: StorageWorld | Overlay | None = None
) -> tuple[dict[ManagedObjectPath, Standing], tuple[Diagnostic, ...]]:
    """Return how some objects stand with their last tests, and warnings about what could not be read.

    All records are read at once, that of a single object by itself.
    """
    try:
        texts = _read_texts(site, paths)
    except ConfobjectsError as error:
        problem = error.diagnostics[0]
        told = problem.replace(summary=f"the tests cannot be read: {problem.summary}", severity="warning")
        return dict.fromkeys(paths, UNREADABLE), (told,)
    known = {path: record for path, text in texts.items() if (record := _find_record(site, path, text)) is not None}
    result: dict[ManagedObjectPath, Standing] = {}
    view = world or site.open_world()
    maker = _FingerprintMaker(site, view)
    maker.read_ahead(known)
    for path in paths:
        if path in known:
            result[path] = _judge_record(site, maker, view.find(path), known[path])
        else:
            result[path] = UNREADABLE if path in texts else NEVER
    return result, tuple(_describe_damage(path) for path, one in result.items() if one is UNREADABLE)


def _read_texts(site: Site, paths: Sequence[ManagedObjectPath]) -> dict[ManagedObjectPath, str]:
    """Return what is kept of the tests of some objects. A file has all records at once, whichever is wanted."""
    if len(paths) == 1 and not site.storage.serialises_writers:
        text = site.storage.find_verification(key_of(paths[0]))
        return {} if text is None else {paths[0]: text}
    kept: Mapping[str, str] = site.storage.verifications() if paths else {}
    keys = {path: key_of(path) for path in paths} if kept else {}
    return {path: kept[key] for path, key in keys.items() if key in kept}


def _find_record(site: Site, path: ManagedObjectPath, text: str) -> VerificationRecord | None:
    """Return the record of an object in a text; None if it is none, that of another object, or from the future."""
    record = read_record(text)
    if record is None:
        return None
    from confobjects.mapping.followers import seconds_of

    same = _parse_path(site.registry, record.path) == path
    now = seconds_of(site.clock()) if site.clock is not None else None
    then = seconds_of(record.time)
    return record if same and (now is None or then is None or then <= now + _AHEAD) else None


def _judge_record(
    site: Site, maker: _FingerprintMaker, obj: ManagedObject | None, record: VerificationRecord
) -> Standing:
    made_with = record.made_with
    sealer = _open_sealer(site) if made_with.key else None
    found = None if obj is None else maker.make(obj, sealer, made_with.key)
    same = found is not None and _is_same(made_with, found)
    return Standing(("passed" if record.passed else "failed") if same else "changed", record)


def _is_same(then: Fingerprint, now: Fingerprint) -> bool:
    """Tell whether nothing has changed: by the secrets themselves where their key is there, else by revisions."""
    return then.keyed == now.keyed if then.key and now.key else then.plain == now.plain


def _describe_damage(path: ManagedObjectPath) -> Diagnostic:
    summary = "what is kept of its last test is damaged or false, and is not used"
    return Diagnostic("broken-data", summary, path=str(path), remedy="test it again", severity="warning")
