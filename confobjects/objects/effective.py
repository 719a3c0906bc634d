"""The effective configuration: every value evaluated and typed, each with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from confobjects.definitions.allowance import load_function
from confobjects.diagnostics import MASK, Diagnostic, suggest_name
from confobjects.errors import NoSuchObjectError, UnknownNameError
from confobjects.objects.reading import mask_value
from confobjects.objects.typed import Lookups
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry, View
    from confobjects.definitions.allowance import AllowedCode
    from confobjects.objects.judging import Judgement


class EffectiveObject:
    """One object of the effective configuration.

    ``object[property]`` is the typed value of a single-valued property (None without one), or a tuple for a
    multi-valued one. Values are those of startup; they do not change with the storage.
    """

    __slots__ = ("_configuration", "_judged", "instance_directory")

    def __init__(self, judged: Judgement, configuration: EffectiveConfiguration) -> None:
        self._judged = judged
        self._configuration = configuration
        self.instance_directory = configuration.instance_directory

    @property
    def path(self) -> str:
        """The managed object path, as text."""
        return str(self._judged.object.path)

    @property
    def name(self) -> str:
        """The object's name, empty for a singleton."""
        return self._judged.object.name

    @property
    def entries(self) -> Callable[[str], Iterable[Any]] | None:
        """The function that reads the entries at a DN and below it as they are stored now; None without a storage.

        Raises what the storage raises.
        """
        return self._configuration.entries

    @property
    def allowed_code(self) -> AllowedCode | None:
        """The code that its values may have loaded; None without a limit, if the storage is a file of this machine."""
        return self._configuration.registry.allowed if self._configuration.is_remote else None

    @property
    def storage_url(self) -> str:
        """The URL of the configuration's storage, empty without one."""
        return self._configuration.url

    @property
    def kind(self) -> str:
        """The name of the relation it belongs to: the object kind (``trust-manager-provider``)."""
        return self._judged.object.path.relation

    @property
    def type(self) -> str:
        """The name of its concrete type (``file-based-trust-manager-provider``)."""
        return self._judged.object.definition.name

    @property
    def is_foreign(self) -> bool:
        """Whether its type is of another product's family: what it names is on that server, not here."""
        return bool(self._configuration.registry.family)

    @property
    def types(self) -> tuple[str, ...]:
        """Its concrete type, and those that this extends, its own first."""
        return self._judged.object.definition.types

    @property
    def is_enabled(self) -> bool | None:
        """Whether it is enabled (None if not known); an object without such a state always is."""
        condition = self._judged.object.definition.enabled_when
        return True if condition is None else condition.judge(self._judged.normal_values)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of its properties."""
        return iter(self._judged.object.definition.properties)

    def __contains__(self, name: object) -> bool:
        return name in self._judged.object.definition.properties

    def __getitem__(self, name: str) -> Any:
        prop = self._property(name)
        typed = self._judged.readings[name].typed or ()
        if prop.multi_valued:
            return typed
        return typed[0] if typed else None

    def get(self, name: str, default: Any = None) -> Any:
        """Return a property's value, or a default when the type has no such property or it has no value."""
        if name not in self:
            return default
        value = self[name]
        return default if value is None or value == () else value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the effective value texts in canonical form; not masked."""
        prop = self._property(name)
        return tuple(prop.syntax.format(value) for value in self._judged.readings[name].typed or ())

    def masked_texts(self, name: str) -> tuple[str, ...]:
        """Return the effective value texts in canonical form, as they may be shown."""
        prop = self._property(name)
        return tuple(mask_value(prop, text) for text in self.texts(name))

    def origin(self, name: str) -> str:
        """Return where the value came from: ``stored``, ``default``, ``environment variable X``, …, ``none``."""
        self._property(name)
        reading = self._judged.readings[name]
        return ", ".join(dict.fromkeys(reading.origins)) or reading.origin

    def is_secret(self, name: str) -> bool:
        """Tell whether the value must never be shown."""
        return self._property(name).sensitive

    def reference(self, name: str, pair: str = "") -> EffectiveObject | None:
        """Return the object a reference property names (the first, if several), None when it names none.

        If the values of the property are pairs, ``pair`` is the name of the one that refers.
        """
        return next(iter(self.references(name, pair)), None)

    def references(self, name: str, pair: str = "") -> tuple[EffectiveObject, ...]:
        """Return all objects a reference property names; of pairs, those with the given name."""
        prop = self._property(name)
        found = next((one for one in prop.references if one.name == pair), None)
        if found is None:
            words = f"{name} {pair}".rstrip()
            raise UnknownNameError(Diagnostic("unknown-name", f"{words} is not a reference", path=self.path))
        return tuple(self._configuration.at(path) for path in self._configuration.targets(self._judged, prop, found))

    def problems(self, name: str) -> tuple[Diagnostic, ...]:
        """Return what is wrong with the value of a property: why it is not known."""
        self._property(name)
        return self._judged.readings[name].problems

    def beside(self, kind: str) -> EffectiveObject | None:
        """Return the object of a kind that has one, from the same configuration; None if that is not known there."""
        return self._configuration[kind] if (kind,) in self._configuration else None

    def views(self) -> tuple[ViewResult, ...]:
        """Return the results of the views that the definition names.

        Raises :class:`~confobjects.errors.DefinitionError` for a function that does not exist.
        """
        allowed = self._configuration.registry.allowed
        return tuple(_run_view(view, self, allowed) for view in self._judged.object.definition.views)

    def _property(self, name: str) -> PropertyDefinition:
        try:
            return self._judged.object.definition.properties[name]
        except KeyError:
            known = self._judged.object.definition.properties
            raise UnknownNameError(
                Diagnostic(
                    "unknown-name",
                    f'{self._judged.object.definition.friendly} has no property "{name}"',
                    path=self.path,
                    remedy=suggest_name(name, known),
                )
            ) from None

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={self._shown(name)}" for name in self if self[name] not in (None, ()))
        return f"<{self.path} {values}>"

    def _shown(self, name: str) -> str:
        """Return a value as it may be shown. One that can hold a secret, such as a pair, is written as text."""
        prop = self._property(name)
        if prop.sensitive:
            return repr(MASK)
        if prop.syntax.has_secret_parts:
            return repr(self.masked_texts(name))
        return repr(self[name])


class ViewResult(Record):
    """A view: its name, rows of name, value and origin as they may be shown, and what is wrong with them."""

    name: str
    synopsis: str
    rows: tuple[tuple[str, str, str], ...]
    problems: tuple[Diagnostic, ...]


def _run_view(view: View, obj: EffectiveObject, allowed: AllowedCode) -> ViewResult:
    rows, problems = load_function(view.function, "a view", allowed)(obj)
    return ViewResult(view.name, view.synopsis, tuple(rows), tuple(problems))


class EffectiveConfiguration(Lookups):
    """All objects as they are after startup, by kind and name; iterating yields them sorted by path."""

    def __init__(  # noqa: PLR0913, PLR0917 - a record, made in one place
        self,
        registry: Registry,
        judged: Mapping[ManagedObjectPath, Judgement],
        targets: Any,
        warnings: tuple[Diagnostic, ...],
        instance_directory: str,
        entries: Callable[[str], Iterable[Any]] | None = None,
        *,
        is_remote: bool = False,
        url: str = "",
    ) -> None:
        self.registry = registry
        self.entries = entries
        self.is_remote = is_remote
        self.url = url
        self.warnings = warnings
        self.instance_directory = instance_directory
        self.targets = targets
        self._judged = judged

    def at(self, path: ManagedObjectPath) -> EffectiveObject:
        """Return the object at a path. Raises :class:`~confobjects.errors.NoSuchObjectError`."""
        judged = self._judged.get(path)
        if judged is None:
            there = [str(other) for other in self._judged if other.relation == path.relation]
            raise NoSuchObjectError(
                Diagnostic(
                    "no-such-object",
                    f"there is no object {path}",
                    path=str(path),
                    remedy=suggest_name(str(path), there),
                )
            )
        return EffectiveObject(judged, self)

    if not TYPE_CHECKING:  # type checkers have the generated overloads of Lookups instead

        def __getitem__(self, key: tuple[str, ...] | tuple[str, tuple[str, ...]] | str) -> EffectiveObject:
            """Return an object by kind and names: ``config["mail-server", "one"]``, a single one by kind alone.

            The names of an object below others may be a tuple: ``config["kind", ("parent", "child")]``.
            """
            kind, *names = (key,) if isinstance(key, str) else key
            if len(names) == 1 and isinstance(names[0], tuple):
                names = list(names[0])
            return self.at(self.registry.path_of(kind, tuple(names)))

        def of(self, kind: str) -> tuple[EffectiveObject, ...]:
            """Return the objects of a kind, sorted by path."""
            self.registry.relation(kind)
            return tuple(EffectiveObject(self._judged[p], self) for p in sorted(self._judged) if p.relation == kind)

    def get(self, kind: str, *names: str) -> EffectiveObject | None:
        """Return the object of a kind and names that a program finds out while it runs; None if there is none."""
        return self.at(self.registry.path_of(kind, names)) if (kind, *names) in self else None

    def __contains__(self, key: object) -> bool:
        """Tell whether there is an object at a path, or with the kind and names of a look-up."""
        if isinstance(key, ManagedObjectPath):
            return key in self._judged
        words = (key,) if isinstance(key, str) else key
        if not isinstance(words, tuple) or not words or not all(isinstance(word, str) for word in words):
            return False
        try:
            return self.registry.path_of(words[0], words[1:]) in self._judged
        except UnknownNameError:
            return False

    def __iter__(self) -> Iterator[EffectiveObject]:
        return (EffectiveObject(self._judged[path], self) for path in sorted(self._judged))

    def __len__(self) -> int:
        return len(self._judged)

    def __repr__(self) -> str:
        count = f"{len(self)} object{'' if len(self) == 1 else 's'}"
        return f"<the configuration of {self.url or 'no storage'}: {count}>"
