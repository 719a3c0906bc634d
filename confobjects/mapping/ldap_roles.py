"""Roles as the access rules of a directory: who changes objects without reading secrets, who only reads, what a service reads.

Laws of this module:

1. Who has no role reads nothing. An operator writes secrets and reads none; a reader reads no secret and writes nothing.
2. An operator does not write what is for administrators only: attributes, object classes, and installed definitions. A directory cannot
   tell an expression, or one pair of a name and a value, from another text: what depends on that is judged where people sign in.
3. A service reads its kinds with their secrets, the kinds that those refer to, and the installed definitions; nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import HOLDER_BRANCH
from confobjects.mapping.objects import Mapper
from confobjects.paths import ROOT
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.dn import DN

_HISTORY: Final = ("cn", "History")


class AccessRoles(Record):
    """The groups of operators and of readers, and each service with the kinds that it reads."""

    operators: DN | None = None
    readers: DN | None = None
    services: tuple[tuple[DN, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        """Whether anybody has a role."""
        return self != AccessRoles()


class RoleFacts(Record):
    """What rules are made of: the administrator, the roles, and where what is."""

    base: DN
    admin: DN
    roles: AccessRoles
    secrets: tuple[str, ...]
    reserved: tuple[str, ...]
    """The attributes that are for administrators only."""
    classes: tuple[str, ...]
    """The object classes of entries that are for administrators only, without installed definitions."""
    read_by: tuple[tuple[DN, tuple[DN, ...]], ...]
    """Each branch of the objects at the top, with the services that read it."""

    @property
    def definitions(self) -> DN:
        """The branch of the installed definitions."""
        return self.base.child(*HOLDER_BRANCH)

    @property
    def services(self) -> tuple[DN, ...]:
        """The services."""
        return tuple(dn for dn, _ in self.roles.services)


def collect_facts(registry: Registry, base: DN, admin: DN, roles: AccessRoles, secrets: tuple[str, ...]) -> RoleFacts:
    """Return the facts about roles. Raises :class:`~confobjects.errors.UnknownNameError` for a kind that does not exist."""
    properties = {prop.attribute: prop for one in registry for prop in one.properties.values()}
    mapper = Mapper(registry, base)
    reads = {dn: _close_over(registry, kinds) for dn, kinds in roles.services}
    branches: dict[DN, list[DN]] = {}
    for relation in registry.children("root"):
        if not relation.hidden:
            found = branches.setdefault(mapper.branch_of(relation, ROOT), [])
            found.extend(dn for dn, kinds in reads.items() if relation.name in kinds and dn not in found)
    return RoleFacts(
        base,
        admin,
        roles,
        secrets,
        tuple(sorted(name for name, prop in properties.items() if prop.administrator_only and name not in secrets)),
        tuple(sorted(one.object_classes[-1] for one in registry if one.administrator_only and not one.hidden)),
        tuple((branch, tuple(services)) for branch, services in branches.items()),
    )


def _close_over(registry: Registry, kinds: Sequence[str]) -> frozenset[str]:
    """Return kinds with all that their objects refer to."""
    waiting = [registry.relation(kind).name for kind in kinds]
    for kind in waiting:
        for name in registry.subtypes(registry.relation(kind).target):
            for prop in registry.definition(name).properties.values():
                waiting.extend(one.relation for one in prop.references if one.relation not in waiting)
    return frozenset(waiting)


# -- OpenLDAP ----------------------------------------------------------------------------------------------------------


def list_openldap_rules(facts: RoleFacts) -> Iterator[str]:
    """Yield the rules for the entries at and below the base, the first that fits decides."""
    base, every = facts.base, facts.services
    for one in facts.classes:
        what = f'dn.subtree="{base}" filter=(objectClass={one})'
        branch_services = tuple(dict.fromkeys(dn for _, services in facts.read_by for dn in services))
        yield f"to {what} {_list_who(facts, 'read', 'read', branch_services)}"
    yield f'to dn.subtree="{facts.definitions}" {_list_who(facts, "read", "read", every)}'
    for branch, services in facts.read_by:
        if services:
            yield from _list_openldap_branch(facts, branch, services)
    yield from _list_openldap_branch(facts, base, (), every)


def _list_openldap_branch(
    facts: RoleFacts, branch: DN, services: Sequence[DN], at_top: Sequence[DN] = ()
) -> Iterator[str]:
    if facts.secrets:
        yield f'to dn.subtree="{branch}" attrs={",".join(facts.secrets)} {_list_who(facts, "=w", "none", services)}'
    if facts.reserved:
        yield f'to dn.subtree="{branch}" attrs={",".join(facts.reserved)} {_list_who(facts, "read", "read", services)}'
    if at_top:
        yield f'to dn.exact="{branch}" {_list_who(facts, "write", "read", at_top)}'
    yield f'to dn.subtree="{branch}" {_list_who(facts, "write", "read", services)}'


def _list_who(facts: RoleFacts, operators: str, readers: str, services: Sequence[DN]) -> str:
    roles = facts.roles
    parts = [f'by dn.exact="{facts.admin}" write']
    if roles.operators is not None:
        parts.append(f'by group.exact="{roles.operators}" {operators}')
    if roles.readers is not None and readers != "none":
        parts.append(f'by group.exact="{roles.readers}" {readers}')
    parts += [f'by dn.exact="{dn}" read' for dn in services]
    return " ".join((*parts, "by * none"))


# -- 389 Directory Server ----------------------------------------------------------------------------------------------

_READ: Final = "read, search, compare"


def list_ds389_rules(facts: RoleFacts) -> Iterator[str]:
    """Yield the rules for the entries at and below the base. What is denied stays denied, whatever rules further up allow."""
    roles, url = facts.roles, f'(target="ldap:///{facts.base}")'
    admin = f'userdn="ldap:///{facts.admin}"'
    yield _make_aci(url, '(targetattr="*")', "administration", f"allow (all) {admin}")
    groups = [group for group in (roles.operators, roles.readers) if group is not None]
    nobody = [f'userdn!="ldap:///{dn}"' for dn in (facts.admin, *facts.services)]
    outside = " and ".join((*nobody, *(f'groupdn!="ldap:///{group}"' for group in groups)))
    yield _make_aci(url, '(targetattr="*")', "no role", f"deny ({_READ}) {outside}")
    readable = '(targetattr="*")'
    if facts.secrets:
        names = " || ".join(facts.secrets)
        readable = f'(targetattr!="{names}")'
        yield _make_aci(url, f'(targetattr="{names}")', "secrets", f"deny ({_READ}) {' and '.join(nobody)}")
    if groups:
        who = " || ".join(f"ldap:///{group}" for group in groups)
        yield _make_aci(url, readable, "reading", f'allow ({_READ}) groupdn="{who}"')
    yield from _list_ds389_services(facts)
    if roles.operators is not None:
        yield from _list_ds389_operators(facts, f'groupdn="ldap:///{roles.operators}"')


def _list_ds389_services(facts: RoleFacts) -> Iterator[str]:
    history = facts.base.child(*_HISTORY)
    for service in facts.services:
        who = f'userdn="ldap:///{service}"'
        for branch, services in (*facts.read_by, (facts.definitions, facts.services), (history, ())):
            verb = "allow" if service in services else "deny"
            yield _make_aci(f'(target="ldap:///{branch}")', '(targetattr="*")', "service", f"{verb} ({_READ}) {who}")


def _list_ds389_operators(facts: RoleFacts, who: str) -> Iterator[str]:
    url = f'(target="ldap:///{facts.base}")'
    yield _make_aci(url, '(targetattr="*")', "operators", f"allow (write, add, delete) {who}")
    definitions = f'(target="ldap:///{facts.definitions}")'
    yield _make_aci(definitions, '(targetattr="*")', "definitions", f"deny (write, add, delete) {who}")
    reserved = (*facts.reserved, "aci")  # which is an attribute of entries like others: the rules themselves
    names = " || ".join(reserved)
    yield _make_aci(url, f'(targetattr="{names}")', "for administrators", f"deny (write) {who}")
    conditions = [*(f"({name}=*)" for name in reserved), *(f"(objectClass={name})" for name in facts.classes)]
    filter_ = f'(targetfilter="(|{"".join(conditions)})")'
    yield _make_aci(url, filter_, "objects for administrators", f"deny (add, delete) {who}")
    for name in facts.classes:
        filter_ = f'(targetfilter="(objectClass={name})")(targetattr="*")'
        yield _make_aci(url, filter_, f"objects of {name}", f"deny (write) {who}")


def _make_aci(url: str, what: str, name: str, rule: str) -> str:
    return f'{url}{what}(version 3.0; acl "confobjects: {name}"; {rule};)'
