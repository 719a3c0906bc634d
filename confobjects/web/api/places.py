"""Places of requests: what the address in the path of a request means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.web.addresses import Addresses, Place, read_address
from confobjects.web.app import API
from confobjects.web.problems import NoSuchAddressError, NoSuchMethodError

if TYPE_CHECKING:
    from starlette.requests import Request

    from confobjects.definitions import Registry
    from confobjects.paths import ManagedObjectPath

OBJECTS: Final = "/objects"
_BEFORE: Final = f"{API}{OBJECTS}/".encode()


def read_names(request: Request) -> list[str]:
    """Return the names in the address of a request, as it came: no other decoder has been at work.

    Raises :class:`~confobjects.web.problems.BadAddressError` and :class:`~confobjects.web.problems.NoSuchAddressError`.
    """
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    if not raw.startswith(_BEFORE):
        raise NoSuchAddressError("there is nothing at this address")
    names = read_address(raw.removeprefix(_BEFORE).decode("latin-1"))
    if "" in names:
        raise NoSuchAddressError("a name in the address is empty")
    return names


def read_name(request: Request, action: str = "") -> str:
    """Return the name in an address ``/KIND/NAME``, or ``/KIND/NAME/ACTION``, by the same rule. Raises as :func:`read_names`."""
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    segments = read_address(raw.removeprefix(f"{API}/".encode()).decode("latin-1"))
    if segments[2:] != ([action] if action else []) or not segments[1]:
        raise NoSuchAddressError("there is nothing at this address")
    return segments[1]


def find_place(registry: Registry, names: list[str]) -> Place:
    """Return what names in an address mean. Raises :class:`~confobjects.web.problems.NoSuchAddressError`."""
    return Addresses.of(registry).find_place(names)


def find_object_path(registry: Registry, names: list[str]) -> ManagedObjectPath:
    """Return the path of one object. Raises :class:`~confobjects.web.problems.NoSuchMethodError` for that of several."""
    place = find_place(registry, names)
    if place.is_list:
        raise NoSuchMethodError("this is done to one object, and the address is that of several")
    return registry.path_of(place.relation.name, place.names)


def link_to(registry: Registry, path: ManagedObjectPath) -> str:
    """Return the address of an object, from the root of the server."""
    return f"{API}{OBJECTS}/{Addresses.of(registry).write_path(path)}"
