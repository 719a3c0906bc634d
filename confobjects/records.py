"""Records: frozen objects that are compared and printed by their fields, and cheap to declare.

Each class declaration slows a cold start: a frozen dataclass takes 0.6 ms, a named tuple 0.1 to 0.3 ms, because both
generate code. A record declaration generates none: its ``__init__`` is compiled after some records have been made.
Type checkers see a frozen dataclass (PEP 681).

Laws of this module:

1. A record cannot be changed, and no two records share a mutable default.
2. Too few, too many and unknown arguments raise TypeError, in ``replace`` as well.
3. Records are equal if they have the same class and equal fields. No record equals a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self, dataclass_transform

if TYPE_CHECKING:
    from inspect import Signature

_ABSENT: Final = object()
_CHANGEABLE: Final = (dict, list, set, bytearray)
_put: Final = object.__setattr__
_FIRST: Final = 60
"""The number of records made before the ``__init__`` of their class is compiled. Both take about the same time."""


class _Field:
    """The options of one field: its default, and whether it is compared and printed."""

    __slots__ = ("compared", "default", "factory", "kw_only", "printed")

    def __init__(
        self,
        default: object = _ABSENT,
        factory: Callable[[], Any] | None = None,
        *,
        printed: bool = True,
        compared: bool = True,
        kw_only: bool | None = None,
    ) -> None:
        self.default = default
        self.factory = factory
        self.printed = printed
        self.compared = compared
        self.kw_only = kw_only

    @property
    def optional(self) -> bool:
        """Whether an argument may be left out."""
        return self.default is not _ABSENT or self.factory is not None

    def as_parameter(self, name: str) -> str:
        """Return the field as a parameter of ``__init__``."""
        if self.factory is not None:
            return f"{name}=_absent"
        return f"{name}=_default_{name}" if self.optional else name

    def as_statement(self, name: str) -> str:
        """Return the statement of ``__init__`` that sets the field."""
        value = name if self.factory is None else f"_make_{name}() if {name} is _absent else {name}"
        return f"    _set_{name}(_self, {value})\n"


def field(
    *,
    default: Any = _ABSENT,
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,  # noqa: A002 - the word type checkers know (PEP 681), as are the others
    compare: bool = True,
    kw_only: bool | None = None,
) -> Any:
    """Return the description of a field that needs more than a type and a default.

    ``default_factory`` makes the default of each record. False for ``repr`` leaves the field out of the printed record,
    for ``compare`` out of comparison and hash. ``kw_only`` overrides the option of the class.
    """
    return _Field(default, default_factory, printed=repr, compared=compare, kw_only=kw_only)


class _RecordType(type):
    """Turns the annotations of a class into slots, and keeps their defaults."""

    _fields: Mapping[str, _Field]
    _defaults: dict[str, Any]
    _positional: tuple[str, ...]
    _compared: tuple[str, ...]
    _is_computed: bool

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, kw_only: bool = False
    ) -> _RecordType:
        fields: dict[str, _Field] = {}
        for base in reversed(bases):
            fields.update(getattr(base, "_fields", ()))
        slots = []
        for key, annotation in namespace.get("__annotations__", {}).items():
            if not str(annotation).startswith(("ClassVar", "typing.ClassVar")):
                if key not in fields:
                    slots.append(key)
                fields[key] = _as_field(name, key, namespace.pop(key, _ABSENT), kw_only)
        namespace["__slots__"] = tuple(slots)
        namespace["_fields"] = fields
        namespace["_positional"] = namespace["__match_args__"] = _find_positional(name, fields)
        namespace["_defaults"] = {key: one.default for key, one in fields.items() if one.default is not _ABSENT}
        namespace["_compared"] = tuple([key for key, one in fields.items() if one.compared])
        made = super().__new__(cls, name, bases, namespace)
        if "__init__" not in namespace:
            made.__init__ = _make_first_init(made)  # type: ignore[misc]
        made._is_computed = "__init__" in namespace
        return made

    @property
    def __signature__(cls) -> Signature | None:
        """The arguments of a record as :mod:`inspect` and ``help`` show them; None where a class has its own ``__init__``."""
        return None if cls._is_computed else _make_signature(cls)


_PLAIN: Final = {kw_only: _Field(kw_only=kw_only) for kw_only in (False, True)}
"""The fields without options, which most are."""


def _as_field(owner: str, name: str, default: Any, kw_only: bool) -> _Field:
    if name[0] == "_":
        raise TypeError(f"{owner}.{name} is private: a field of a record is also an argument")
    if default is _ABSENT:
        return _PLAIN[kw_only]
    found = default if isinstance(default, _Field) else _Field(default)
    if isinstance(found.default, _CHANGEABLE):
        raise TypeError(f"the default of {owner}.{name} can be changed: use field(default_factory=...)")
    if found.kw_only is None:
        found.kw_only = kw_only
    return found


def _find_positional(name: str, fields: Mapping[str, _Field]) -> tuple[str, ...]:
    """Return the positional fields. Raises TypeError if a field with a default precedes one without."""
    names = []
    after_optional = False
    for key, one in fields.items():
        if one.kw_only:
            continue
        names.append(key)
        if one.default is not _ABSENT or one.factory is not None:
            after_optional = True
        elif after_optional:
            raise TypeError(f"{name}: a field without a default follows one with a default")
    return tuple(names)


def _make_signature(cls: _RecordType) -> Signature:
    from inspect import Parameter, Signature

    annotations: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        annotations.update(vars(base).get("__annotations__", {}))
    parameters = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY if one.kw_only else Parameter.POSITIONAL_OR_KEYWORD,
            default=one.factory() if one.factory else one.default if one.optional else Parameter.empty,
            annotation=annotations[name],
        )
        for name, one in cls._fields.items()
    ]
    return Signature(sorted(parameters, key=lambda one: one.kind))


def _make_first_init(cls: _RecordType) -> Callable[..., None]:
    """Return an ``__init__`` for the first records of a class: it sets the fields by name, and compiles nothing.

    The compiled one replaces it when the class makes more records, or when the arguments do not fit: then Python
    raises its own error.
    """
    left = _FIRST
    fields, positional, defaults = cls._fields.keys(), cls._positional, cls._defaults

    def __init__(self: Record, *values: Any, **named: Any) -> None:  # noqa: N807 - it stands in for the method
        nonlocal left
        left -= 1
        given = dict(zip(positional, values))  # noqa: B905 - the lengths are compared below
        found = {**defaults, **given, **named} if named else {**defaults, **given}
        fits = len(given) == len(values) and found.keys() == fields and (not named or given.keys().isdisjoint(named))
        if left < 0 or not fits:
            made = cls.__init__ = _compile_init(cls)  # type: ignore[misc]
            made(self, *values, **named)
            return
        for name, value in found.items():
            _put(self, name, value)

    return __init__


def _compile_init(cls: _RecordType) -> Callable[..., None]:
    fields = cls._fields
    scope: dict[str, Any] = {"_absent": _ABSENT}
    for name, one in fields.items():
        scope[f"_set_{name}"] = getattr(cls, name).__set__
        scope[f"_default_{name}"] = one.default
        scope[f"_make_{name}"] = one.factory
    keyword = [one.as_parameter(name) for name, one in fields.items() if one.kw_only]
    parameters = ["_self", *(one.as_parameter(name) for name, one in fields.items() if not one.kw_only)]
    head = ", ".join([*parameters, "*", *keyword] if keyword else parameters)
    body = "".join(one.as_statement(name) for name, one in fields.items()) or "    pass\n"
    exec(f"def __init__({head}):\n{body}", scope)  # noqa: S102 - the text contains only field names
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record(metaclass=_RecordType):
    """A record. Its fields are the annotations of its class, in order, with the defaults given there."""

    _fields: ClassVar[Mapping[str, _Field]]
    _compared: ClassVar[tuple[str, ...]]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed. Raises TypeError for an unknown field."""
        return type(self)(**as_dict(self) | changes)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is type(self) and self._key() == other._key())

    def _key(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self._compared])

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name, one in self._fields.items() if one.printed)
        return f"{type(self).__name__}({fields})"

    def __getstate__(self) -> dict[str, Any]:
        return as_dict(self)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._fill(**state)

    def _fill(self, **values: Any) -> None:
        """Set the fields. For the ``__init__`` of a record that computes them from other arguments."""
        for name, value in values.items():
            _put(self, name, value)


def as_dict(record: Record) -> dict[str, Any]:
    """Return the fields of a record by name. Records inside it stay records."""
    return {name: getattr(record, name) for name in record._fields}
