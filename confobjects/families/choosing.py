"""The family of a server: chosen by what it tells of itself, and compared with what the caller has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError
from confobjects.families.store import list_names
from confobjects.families.vendors import OWN_BASES, Product, find_product

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Storage


@runtime_checkable
class TellsVendor(Protocol):
    """A storage on a server that tells what it is."""

    def find_vendor(self) -> str:
        """Return what the server tells of its product and version (``vendorVersion``, RFC 3045)."""
        ...


def choose_family(
    storage: Storage, chosen: str, *, is_open: bool, environment: Mapping[str, str]
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Return the family that counts for a storage (empty for none), and a warning if a chosen one is not the server's.

    Only a server that keeps its own configuration at the base has one. It chooses, if nobody has ``chosen`` and the choice
    ``is_open``. Raises :class:`~confobjects.errors.DefinitionError` if its family is not installed then.
    """
    base = storage.base.normal
    if not isinstance(storage, TellsVendor) or base not in OWN_BASES.values():
        return chosen, ()
    product = find_product(storage.find_vendor())
    if product is None or OWN_BASES[product.name] != base or chosen == product.family:
        return chosen, ()
    if chosen:
        return chosen, (_describe_mismatch(chosen, product, storage.url),)
    if not is_open:
        return "", ()
    installed = list_names(environment)
    if product.family not in installed:
        raise DefinitionError(_describe_missing(product, installed, storage.url))
    return product.family, ()


def _describe_mismatch(chosen: str, product: Product, url: str) -> Diagnostic:
    return Diagnostic(
        "broken-definition",
        f"this server is {product.told}, and {chosen} is not the family of its definitions",
        origin=url,
        remedy=(RemedyAction("add-family", product.name), "; then leave out the choice of a family"),
        severity="warning",
    )


def _describe_missing(product: Product, installed: list[str], url: str) -> Diagnostic:
    near = [name for name in installed if name.startswith(f"{product.name}-")]
    detail = f"the definitions of another version are here: {', '.join(near)}" if near else ""
    other = ("; or use those of another version: ", RemedyAction("give-family", near[-1])) if near else ()
    return Diagnostic(
        "broken-definition",
        f"this server is {product.told}, and the family of its definitions is not installed",
        origin=url,
        detail=detail,
        remedy=(RemedyAction("add-family", product.name), *other),
    )
