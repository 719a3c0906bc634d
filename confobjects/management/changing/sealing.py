"""Secrets of a change are sealed before they are judged, recorded or written.

Laws of this module:

1. With keys, no literal secret that a change gives is written in the clear: not to the storage, and not to its history.
2. A secret that stays while what it is bound to changes is sealed again, once the change is judged: the change must be one that
   may keep it.
3. A sealed secret that is given is taken from documents, copies and the history only, and only where it fits.
4. Where any secret is sealed, whoever has no keys writes no literal secret, and changes nothing that a sealed one is bound to.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ExpressionError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.objects.sealed import contexts_of, mentions_sealed, parse_sealed
from confobjects.objects.sealing import (
    bring_up_to_date,
    find_literal,
    find_secrets,
    has_secrets,
    is_clear,
    is_up_to_date,
    seal_text,
    unseal_text,
)

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.management.site import Site
    from confobjects.management.world import Overlay
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.model import Evaluation, ManagedObject, Texts
    from confobjects.objects.protocols import Sealer
    from confobjects.paths import ManagedObjectPath

Names = Mapping["ManagedObjectPath", Container[str]]
"""Properties by object."""


class ObjectSealer:
    """Seals the secrets of one object, which may replace another one; collects what is wrong.

    ``given`` are the properties whose values the change gives in full, ``touched`` those that it names.
    """

    def __init__(self, sealer: Sealer | None, old: ManagedObject | None, new: ManagedObject) -> None:
        self.sealer = sealer
        self.old = old
        self.new = new
        self.problems: list[Diagnostic] = []
        self.writes_clear = False
        self.unread: set[str] = set()
        """The properties whose given secrets are sealed: whoever gives them need not know them."""

    def seal(self, touched: Container[str], given: Container[str], *, takes_sealed: bool) -> ManagedObject:
        """Return the object with the literal secrets sealed that the change gives."""
        values = dict(self.new.values)
        for prop, texts in find_secrets(self.new):
            before = self._find_before(prop)
            sealed = []
            for text in texts:
                if parse_sealed(prop, text) is not None:
                    if prop.name in given or text not in before:
                        self._check_given(prop, text, takes_sealed=takes_sealed)
                    sealed.append(text)
                elif text in before and prop.name not in touched:
                    sealed.append(text)
                else:
                    sealed.append(self._seal_given(prop, text, before))
            values[prop.name] = tuple(sealed)
        return self.new if values == self.new.values else self.new.replace(values=values)

    def seal_again(self) -> ManagedObject:
        """Return the object with the kept secrets sealed for it as it is now."""
        values = dict(self.new.values)
        for prop, texts in find_secrets(self.new):
            before = self._find_before(prop)
            values[prop.name] = tuple(self._seal_kept(prop, text) if text in before else text for text in texts)
        return self.new if values == self.new.values else self.new.replace(values=values)

    def find_kept(self) -> Mapping[str, tuple[bytes, ...]]:
        """Return the sealed secrets that stay, with the contexts that they had."""
        found: dict[str, tuple[bytes, ...]] = {}
        for prop, texts in find_secrets(self.new):
            for text in set(texts).intersection(self._find_before(prop)):
                sealed = parse_sealed(prop, text)
                if sealed is not None and self.old is not None:
                    old = self.old.definition.properties[prop.name]
                    found[str(sealed)] = contexts_of(self.old, old, text, sealed.bound)
        return found

    def check_kept(self) -> None:
        """Report each kept secret that is bound to something which changes, if there are no keys to seal it again."""
        for prop, texts in find_secrets(self.new):
            for text in set(texts).intersection(self._find_before(prop)):
                sealed = parse_sealed(prop, text)
                if sealed is None or self.old is None:
                    continue
                contexts = contexts_of(self.old, self.old.definition.properties[prop.name], text, sealed.bound)
                if contexts[0] != contexts_of(self.new, prop, text, sealed.bound)[0]:
                    self.problems.append(_describe_bound(self.new, prop, sealed.bound))

    def _find_before(self, prop: PropertyDefinition) -> Texts:
        """Return the texts that a property of the old object has."""
        if self.old is None or prop.name not in self.old.definition.properties:
            return ()
        return self.old.values.get(prop.name, ())

    def _check_given(self, prop: PropertyDefinition, text: str, *, takes_sealed: bool) -> None:
        self.unread.add(prop.name)
        if not takes_sealed:
            self.problems.append(_describe_typed(self.new, prop))
        elif self.sealer is None:
            self.problems.append(_describe_keyless(self.new, prop, "a sealed secret cannot be checked"))
        else:
            try:
                unseal_text(self.sealer, self.new, prop, text)
            except ExpressionError as error:
                place = {"path": str(self.new.path), "property": prop.name}
                self.problems.extend(problem.replace(**place) for problem in error.diagnostics)

    def _seal_given(self, prop: PropertyDefinition, text: str, before: Texts) -> str:
        """Return a value with its literal secret sealed; one that is stored already stays as it is sealed."""
        plain = find_literal(prop, text)
        if plain is None:
            return text
        if self.sealer is None:
            self.writes_clear = True
            return text
        for old in before:
            if is_up_to_date(self.sealer, self.new, prop, old) and self._opens_to(prop, old, plain):
                return old
        return seal_text(self.sealer, self.new, prop, text, plain)

    def _opens_to(self, prop: PropertyDefinition, text: str, plain: str) -> bool:
        assert self.sealer is not None  # noqa: S101 - the caller checked
        return unseal_text(self.sealer, self.new, prop, text) == plain

    def _seal_kept(self, prop: PropertyDefinition, text: str) -> str:
        sealer, old = self.sealer, self.old
        if sealer is None or old is None or parse_sealed(prop, text) is None:
            return text
        try:
            unseal_text(sealer, self.new, prop, text)
        except ExpressionError:
            try:
                plain = unseal_text(sealer, old, old.definition.properties[prop.name], text)
            except ExpressionError:
                return text  # it has never fitted: the judge says so
            return seal_text(sealer, self.new, prop, text, plain)
        return text


class ChangeSealer:
    """Seals the secrets of a transaction. ``given`` and ``touched`` are the properties that its requests name, by object."""

    def __init__(self, site: Site, world: Overlay, *, takes_sealed: bool) -> None:
        self.site = site
        self.world = world
        self.takes_sealed = takes_sealed
        self._kept: dict[str, tuple[bytes, ...]] = {}
        self._unread: dict[ManagedObjectPath, set[str]] = {}
        self._sealers: list[Sealer | None] = []

    def seal(self, touched: Names, given: Names) -> Iterable[Diagnostic]:
        """Seal the literal secrets that are given, and yield what is refused."""
        clear: list[ManagedObject] = []
        for obj in self._find_written():
            yield from self._refuse_misplaced(obj, touched.get(obj.path, ()))
            if not _needs_sealer(obj):
                continue
            one = ObjectSealer(self._open_sealer(), self._find_old(obj), obj)
            sealed = one.seal(touched.get(obj.path, ()), given.get(obj.path, ()), takes_sealed=self.takes_sealed)
            if one.sealer is None:
                one.check_kept()
            if sealed is not obj:
                self.world.put(sealed)
            self._kept.update(one.find_kept())
            self._unread[obj.path] = one.unread
            clear.extend([obj] if one.writes_clear else [])
            yield from one.problems
        if clear and _is_any_sealed(self.site):
            for obj in clear:
                yield from _describe_clear(obj)

    def find_known(self, given: Mapping[ManagedObjectPath, set[str]]) -> dict[ManagedObjectPath, set[str]]:
        """Return the properties that are given, without those whose secrets whoever gives them need not know."""
        return {path: names - self._unread.get(path, set()) for path, names in given.items()}

    def seal_again(self) -> bool:
        """Seal the kept secrets whose object has changed. Return whether there was any."""
        done = False
        for obj in self._find_written() if self._kept else ():
            sealed = ObjectSealer(self._open_sealer(), self._find_old(obj), obj).seal_again()
            if sealed is not obj:
                self.world.put(sealed)
                done = True
        return done

    def adapt(self, site: Site) -> Site:
        """Return a site that reads the kept secrets as they are sealed now, although their objects change."""
        if not self._kept:
            return site
        evaluate, kept = site.evaluate, self._kept

        def evaluate_text(text: str, *, multi_valued: bool, secret: bool, contexts: Sequence[bytes] = ()) -> Evaluation:
            found = kept.get(text, contexts) if contexts else ()
            return evaluate(text, multi_valued=multi_valued, secret=secret, contexts=found)

        return site.replace(evaluate=evaluate_text)

    def _find_written(self) -> list[ManagedObject]:
        return [obj for obj in self.world.pending.values() if obj is not None and has_secrets(obj.definition)]

    def _find_old(self, obj: ManagedObject) -> ManagedObject | None:
        """Return the stored object that one comes from, or that it replaces."""
        source = self.world.source_of(obj.path) or obj.path
        return self.world.below.find(source) if source in self.world.below.entries else None

    def _refuse_misplaced(self, obj: ManagedObject, touched: Container[str]) -> Iterable[Diagnostic]:
        """Yield a problem for each given value with a sealed secret in it that is not all of a secret."""
        for name in obj.values:
            prop = obj.definition.properties[name]
            if name in touched and any(mentions_sealed(t) and parse_sealed(prop, t) is None for t in obj.values[name]):
                yield _describe_typed(obj, prop)

    def _open_sealer(self) -> Sealer | None:
        if not self._sealers:
            self._sealers.append(self.site.open_sealer())
        return self._sealers[0]


def seal_copies(
    target: Site, copies: Mapping[ManagedObjectPath, ManagedObject], there: Mapping[ManagedObjectPath, ManagedObject]
) -> tuple[dict[ManagedObjectPath, ManagedObject], list[Diagnostic]]:
    """Return objects of another storage as they are written to a site, and what is wrong.

    A literal secret that the site holds sealed already is taken from there.
    """
    made: dict[ManagedObjectPath, ManagedObject] = {}
    problems: list[Diagnostic] = []
    clear: list[ManagedObject] = []
    for path, obj in copies.items():
        made[path] = obj
        if not _needs_sealer(obj):
            continue
        one = ObjectSealer(target.open_sealer(), there.get(path), obj)
        made[path] = one.seal(obj.values, obj.values, takes_sealed=True)
        clear.extend([obj] if one.writes_clear else [])
        problems.extend(one.problems)
    if clear and (_is_any_sealed(target) or any(_is_sealed_anywhere(obj) for obj in made.values())):
        problems.extend(problem for obj in clear for problem in _describe_clear(obj))
    return made, problems


def _is_sealed_anywhere(obj: ManagedObject) -> bool:
    return any(parse_sealed(prop, text) is not None for prop, texts in find_secrets(obj) for text in texts)


def _describe_clear(obj: ManagedObject) -> Iterable[Diagnostic]:
    """Yield a problem for each property of an object with a secret in the clear."""
    props = [prop for prop, texts in find_secrets(obj) if any(is_clear(prop, text) for text in texts)]
    yield from (_describe_keyless(obj, prop, "a secret cannot be stored in the clear") for prop in props)


def _needs_sealer(obj: ManagedObject) -> bool:
    """Tell whether an object has secrets that are no expressions: without them no key is read."""
    return any(is_clear(prop, text) or parse_sealed(prop, text) for prop, texts in find_secrets(obj) for text in texts)


def _is_any_sealed(site: Site) -> bool:
    """Tell whether any value in the storage is sealed."""
    storage = site.storage
    names = sorted({prop.attribute for d in site.registry for prop in d.properties.values() if prop.can_hold_secret})
    found = storage.search(storage.base, "sub", None, names, records=False)
    texts = (text for entry in found for name in names for text in entry.get(name))
    return any(isinstance(text, str) and mentions_sealed(text) for text in texts)


def seal_before(
    open_sealer: Callable[[], Sealer | None],
    changes: Sequence[ObjectChange],
    find: Callable[[ManagedObjectPath], ManagedObject | None],
) -> list[ObjectChange]:
    """Return changes for the history: the secrets of before are sealed with the key that seals now, for the objects as they were.

    ``find`` returns the object that a change begins from.
    """
    made = []
    for change in changes:
        old = find(change.path)
        sealer = open_sealer() if old is not None and _needs_sealer(old) else None
        values = {} if sealer is None or old is None else bring_up_to_date(sealer, old)[0]
        before = {name: values.get(name, texts) for name, texts in change.before.items()}
        made.append(change.replace(before=before) if before != change.before else change)
    return made


# -- problems --------------------------------------------------------------------------------------------------------


def _describe_typed(obj: ManagedObject, prop: PropertyDefinition) -> Diagnostic:
    return Diagnostic(
        "constraint-violated",
        "a sealed secret cannot be given: it is sealed when it is stored",
        path=str(obj.path),
        property=prop.name,
        remedy="give the secret itself; only documents and copies hold sealed ones",
    )


def _describe_keyless(obj: ManagedObject, prop: PropertyDefinition, what: str) -> Diagnostic:
    return Diagnostic(
        "constraint-violated",
        f"{what}: this configuration holds sealed secrets, and there are no keys here",
        path=str(obj.path),
        property=prop.name,
        remedy=f"let {KEY_FILE_VARIABLE} name the file of the keys",
    )


def _describe_bound(obj: ManagedObject, prop: PropertyDefinition, bound: Sequence[str]) -> Diagnostic:
    names = f", {', '.join(bound)}" if bound else ""
    return Diagnostic(
        "constraint-violated",
        f"{prop.name} is sealed, and there are no keys here to seal it for the changed object",
        path=str(obj.path),
        property=prop.name,
        detail=f"it is bound to: the name of the object{names}",
        remedy=f"let {KEY_FILE_VARIABLE} name the file of the keys",
    )
