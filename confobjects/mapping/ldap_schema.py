"""The LDAP schema and the access rules that a set of definitions asks of a directory.

Laws of this module:

1. An object identifier follows from the name alone (2.25 and a version 5 UUID, X.667): never from a counter, so that
   two people who load the same definitions get the same schema, and one who adds to them changes nothing that is there.
2. Only the naming attribute is mandatory, and an attribute is single-valued only where all definitions agree: what
   the definitions demand beyond that is judged by them, and may change without touching a server.
3. An attribute that servers define already (RFC 4519) is used and never defined again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.dn import DN
from confobjects.errors import BrokenDataError, UsageError
from confobjects.mapping import followers, journal, verifications
from confobjects.mapping.apart import FOLLOWERS, VERIFICATIONS, place_of
from confobjects.mapping.ldif.writing import format_attribute
from confobjects.mapping.objects import BRANCH_CLASS, REVISION
from confobjects.records import Record
from confobjects.syntaxes import LdapSyntax

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
    from confobjects.mapping.ldap_roles import AccessRoles, RoleFacts

FORMATS: Final = ("openldap", "rfc4512")
"""How a schema is written: as an entry below ``cn=schema,cn=config``, or as the subschema entry of RFC 4512."""
SERVERS: Final = ("openldap", "389ds")
"""The servers whose access rules are known."""

_NAMES: Final = re.compile(r"\sNAME\s+(?:'[^']*'|\([^)]*\))")
_LIST: Final = re.compile(r"\s(MUST|MAY)\s+(\([^)]*\)|[^\s()]+)")
_USAGE: Final = re.compile(r"\sUSAGE\s+(?!userApplications\b)[^\s)]", re.IGNORECASE)
_NAMESPACE: Final = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")  # that of object identifiers, RFC 4122 appendix C
_DIRECTORY_STRING: Final = "1.3.6.1.4.1.1466.115.121.1.15"
_IGNORE_CASE: Final = LdapSyntax(_DIRECTORY_STRING, "caseIgnoreMatch", substring="caseIgnoreSubstringsMatch")
_EXACT: Final = LdapSyntax(_DIRECTORY_STRING, "caseExactMatch", substring="caseExactSubstringsMatch")
_INTEGER: Final = LdapSyntax("1.3.6.1.4.1.1466.115.121.1.27", "integerMatch", "integerOrderingMatch")
_OCTETS: Final = LdapSyntax("1.3.6.1.4.1.1466.115.121.1.40", "octetStringMatch")
_STANDARD: Final = frozenset(
    (
        "cn",
        "dc",
        "description",
        "l",
        "member",
        "name",
        "o",
        "objectclass",
        "ou",
        "owner",
        "seealso",
        "uid",
        "userpassword",
    )
)
_BRANCH_NAMES: Final = ("cn", "dc", "o", "ou")


class SchemaElement(Record):
    """One attribute type or object class. ``text`` is its description in the form of RFC 4512 section 4.1."""

    kind: str
    name: str
    text: str


class DirectorySchema(Record):
    """Everything a server has to know to keep the entries of some definitions; each element after those it needs."""

    attribute_types: tuple[SchemaElement, ...]
    object_classes: tuple[SchemaElement, ...]


def oid_of(kind: str, name: str) -> str:
    """Return the object identifier of a name; ``kind`` is "at" for attribute types and "oc" for object classes."""
    return f"2.25.{uuid5(_NAMESPACE, f'{kind}:{name.lower()}').int}"


def build_schema(registry: Registry) -> DirectorySchema:
    """Return the schema of all definitions of a registry."""
    attributes = _AttributeCollector()
    classes = _ClassCollector(registry)
    for definition in registry:
        attributes.add(definition)
        classes.add(definition)
    return DirectorySchema(
        (*attributes.elements(), *_history_attributes(), *_follower_attributes(), *_verification_attributes()),
        (*classes.elements(), *_history_classes(), *_follower_classes(), *_verification_classes()),
    )


def _history_attributes() -> Iterator[SchemaElement]:
    yield _make_attribute_type(journal.NUMBER, _INTEGER, single=True)
    yield _make_attribute_type(journal.STATE, _IGNORE_CASE, single=True)
    yield _make_attribute_type(journal.WRITER, _EXACT, single=True)
    yield _make_attribute_type(journal.STEP, _EXACT, single=False)
    for name in (journal.TEXT, *journal.PROTECTED):
        yield _make_attribute_type(name, _OCTETS, single=False)


def _history_classes() -> Iterator[SchemaElement]:
    numbered = ("cn", journal.NUMBER)
    yield _make_object_class(journal.HISTORY_CLASS, "top", ("cn",), (journal.NUMBER,), "STRUCTURAL")
    others = (journal.STATE, journal.WRITER, journal.STEP, journal.TEXT, *journal.PROTECTED)
    yield _make_object_class(journal.RECORD_CLASS, "top", numbered, others, "STRUCTURAL")


def _follower_attributes() -> Iterator[SchemaElement]:
    yield _make_attribute_type(followers.REPORT, _OCTETS, single=True)


def _follower_classes() -> Iterator[SchemaElement]:
    yield _make_object_class(followers.FOLLOWER_CLASS, "top", ("cn",), (followers.REPORT,), "STRUCTURAL")


class _AttributeCollector:
    """Collects what every definition says of an attribute."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._syntaxes: dict[str, list[LdapSyntax]] = {}
        self._single: dict[str, bool] = {}

    def add(self, definition: ManagedObjectDefinition) -> None:
        for prop in definition.properties.values():
            self._note(prop.attribute, prop.syntax.as_ldap(), single=not prop.multi_valued)
        for name, prop in definition.former_attributes.items():
            self._note(name, prop.syntax.as_ldap(), single=False)
        for name in definition.constants:
            self._note(name, _IGNORE_CASE, single=False)

    def _note(self, name: str, syntax: LdapSyntax, *, single: bool) -> None:
        key = name.lower()
        if key in _STANDARD:
            return
        self._names.setdefault(key, name)
        self._syntaxes.setdefault(key, []).append(syntax)
        self._single[key] = self._single.get(key, True) and single

    def elements(self) -> Iterator[SchemaElement]:
        yield _make_attribute_type(REVISION, _INTEGER, single=True)
        for key, name in sorted(self._names.items()):
            syntaxes = set(self._syntaxes[key])
            # Where definitions differ, the rule that distinguishes more values loses none.
            syntax = syntaxes.pop() if len(syntaxes) == 1 else _EXACT
            yield _make_attribute_type(name, syntax, single=self._single[key])


def _make_attribute_type(name: str, syntax: LdapSyntax, *, single: bool) -> SchemaElement:
    rules = {"EQUALITY": syntax.equality, "ORDERING": syntax.ordering, "SUBSTR": syntax.substring, "SYNTAX": syntax.oid}
    words = [oid_of("at", name), f"NAME '{name}'", *(f"{word} {rule}" for word, rule in rules.items() if rule)]
    if single:
        words.append("SINGLE-VALUE")
    return SchemaElement("attribute type", name, f"( {' '.join(words)} X-ORIGIN 'confobjects' )")


class _ClassCollector:
    """Collects the object classes; definitions may share one."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._must = {r.target: r.naming_attribute for r in registry.relations().values() if r.named}
        single = (r.branch for r in registry.relations().values() if not r.named and r.branch)
        self._single = [DN.parse(branch).naming_attribute for branch in single]
        self._branches = [
            kind
            for r in registry.relations().values()
            if r.branch
            for rdn in DN.parse(r.branch).rdns
            for kind, _ in rdn
        ]
        self._found: dict[str, dict[str, list[str]]] = {}
        self._abstract: dict[str, bool] = {}
        self._above: dict[str, str] = {}

    def add(self, definition: ManagedObjectDefinition) -> None:
        name = definition.object_classes[-1]
        above = next((c for c in reversed(definition.object_classes[:-1]) if c.lower() != name.lower()), "top")
        self._above.setdefault(name, above)
        self._abstract[name] = self._abstract.get(name, True) and definition.abstract
        lists = self._found.setdefault(name, {"MUST": [], "MAY": []})
        naming = self._must.get(definition.name)
        lists["MUST"].extend([naming] if naming is not None else [])
        lists["MAY"].extend(self._optional_attributes(definition, naming))

    def _optional_attributes(self, definition: ManagedObjectDefinition, naming: str | None) -> Iterator[str]:
        """Yield the attributes that the class adds to those of the class above it."""
        inherited: set[str] = set()
        if definition.ancestors:
            parent = self._registry.definition(definition.ancestors[-1])
            stored = (prop.attribute.lower() for prop in parent.properties.values())
            inherited = {*stored, *parent.former_attributes, *(name.lower() for name in parent.constants)}
        else:
            yield REVISION
            yield from () if naming is not None else dict.fromkeys(("cn", *self._single))
        own = [prop.attribute for prop in definition.properties.values()]
        for name in (*own, *definition.former_attributes, *definition.constants):
            if name.lower() not in inherited and name.lower() != (naming or "").lower():
                yield name

    def elements(self) -> Iterator[SchemaElement]:
        names = sorted(dict.fromkeys((*_BRANCH_NAMES, *self._branches)))
        yield _make_object_class(BRANCH_CLASS, "top", (), (*names, REVISION), "STRUCTURAL")
        done = {"top"}
        waiting = sorted(self._found)
        while waiting:
            name = next(name for name in waiting if self._above[name] in done or self._above[name] not in self._found)
            waiting.remove(name)
            done.add(name)
            lists = self._found[name]
            kind = "ABSTRACT" if self._abstract[name] else "STRUCTURAL"
            yield _make_object_class(name, self._above[name], lists["MUST"], lists["MAY"], kind)


def _make_object_class(name: str, above: str, must: Iterable[str], may: Iterable[str], kind: str) -> SchemaElement:
    words = [oid_of("oc", name), f"NAME '{name}'", f"SUP {above}", kind]
    for word, names in (("MUST", must), ("MAY", may)):
        if each_once := {name.lower(): name for name in names}:
            words.append(f"{word} ( {' $ '.join(each_once[key] for key in sorted(each_once))} )")
    return SchemaElement("object class", name, f"( {' '.join(words)} X-ORIGIN 'confobjects' )")


# -- as text -------------------------------------------------------------------------------------------------------

_HEADS: Final = {
    "openldap": "dn: cn=confobjects,cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: confobjects\n",
    "rfc4512": "dn: cn=schema\n",
}
_ATTRIBUTES: Final = {"openldap": "olcAttributeTypes", "rfc4512": "attributeTypes"}
_CLASSES: Final = {"openldap": "olcObjectClasses", "rfc4512": "objectClasses"}


def as_ldif(found: DirectorySchema, form: str) -> str:
    """Return a schema as LDIF in one of :data:`FORMATS`. Raises :class:`~confobjects.errors.UsageError` for another."""
    _check_known(form, FORMATS, "schema format")
    lines = [format_attribute(_ATTRIBUTES[form], element.text) for element in found.attribute_types]
    lines += [format_attribute(_CLASSES[form], element.text) for element in found.object_classes]
    return _HEADS[form] + "".join(_end_line(line) for line in lines)


def _end_line(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n"


def _check_known(word: str, known: tuple[str, ...], what: str) -> None:
    if word not in known:
        remedy = suggest_name(word, known) or f"one of: {', '.join(known)}"
        raise UsageError(Diagnostic("usage", f'there is no {what} "{word}"', remedy=remedy))


def upgrade(found: DirectorySchema, installed: str, form: str, origin: str = "") -> str:
    """Return the changes, as LDIF for ldapmodify, that turn an installed schema into the given one.

    ``installed`` is LDIF that holds the older descriptions, as this module or a server writes them. Nothing is
    removed: entries may still hold what the definitions no longer know. An empty text means that nothing has to be done.
    Raises :class:`~confobjects.errors.BrokenDataError` when it holds no description at all.
    """
    _check_known(form, FORMATS, "schema format")
    old, dn = _read_descriptions(installed)
    if not old:
        remedy = "give the file that was loaded, or what ldapsearch prints of the schema entry with its attributes"
        raise BrokenDataError(
            Diagnostic("broken-data", "the text holds no schema description", origin=origin, remedy=remedy)
        )
    default = "cn={N}confobjects,cn=schema,cn=config" if form == "openldap" else "cn=schema"
    target = dn if dn is not None and (form == "rfc4512" or dn.lower().startswith("cn={")) else default
    steps = [step for name, elements in ((_ATTRIBUTES[form], found.attribute_types), (_CLASSES[form], found.object_classes))
             for element in elements for step in _upgrade_element(name, element, old)]  # fmt: skip
    if not steps:
        return ""
    note = "# Replace {N} by the number the server gave the entry.\n" if "{N}" in target else ""
    return f"{note}dn: {target}\nchangetype: modify\n" + "-\n".join(steps) + "-\n"


def _upgrade_element(attribute: str, element: SchemaElement, old: dict[str, str]) -> Iterator[str]:
    number = _oid_in(element.text)
    installed = next((key for key in (number, _name_key(element.kind, element.name)) if key in old), None)
    if installed is None:
        yield f"add: {attribute}\n{_end_line(format_attribute(attribute, element.text))}"
        return
    plain = old[installed]
    # A server knows each name once: what is there under another identifier keeps it.
    text = _keep_attributes(element.text.replace(number, _oid_in(plain), 1), plain)
    if _normalise_description(plain) != _normalise_description(text):
        yield f"delete: {attribute}\n{_end_line(format_attribute(attribute, plain))}"
        yield f"add: {attribute}\n{_end_line(format_attribute(attribute, text))}"


def _keep_attributes(text: str, installed: str) -> str:
    """Return the description of a class that allows all that the installed one allows: entries may have it."""
    before, must, may = (_attributes_in(*one) for one in ((installed, "MUST", "MAY"), (text, "MUST"), (text, "MAY")))
    if before.keys() <= must.keys() | may.keys():
        return text
    kept = {**{key: name for key, name in before.items() if key not in must}, **may}
    head, _, origin = text.partition(" X-")
    plain = _LIST.sub(lambda found: found[0] if found[1] == "MUST" else "", head)
    return f"{plain} MAY ( {' $ '.join(kept[key] for key in sorted(kept))} ) X-{origin}"


def _attributes_in(text: str, *words: str) -> dict[str, str]:
    """Return the attributes in a description of a class after some words, by name in lower case (RFC 4512 section 4.1.1)."""
    lists = (found[2] for found in _LIST.finditer(text.partition(" X-")[0]) if found[1] in words)
    names = (name for one in lists for name in one.strip("() ").replace("$", " ").split())
    return {name.lower(): name for name in names}


def _name_key(kind: str, name: str) -> str:
    return f"{kind} {name.lower()}"


def names_in(text: str) -> list[str]:
    """Return the names in a description, which stand in quotes, alone or in brackets (RFC 4512 section 4.1)."""
    found = _NAMES.search(text)
    return found[0].split("'")[1::2] if found else []


def is_operational(text: str) -> bool:
    """Tell whether the description of an attribute type says that the attribute is operational (RFC 4512 section 4.1.2)."""
    return _USAGE.search(text) is not None


def _oid_in(text: str) -> str:
    return text.removeprefix("(").split()[0]


def _normalise_description(text: str) -> str:
    """The description without what servers add or write differently: origin, quotes, brackets, case."""
    head = text.partition(" X-")[0]
    lists = (f"{word} {' '.join(sorted(_attributes_in(text, word)))}" for word in ("MUST", "MAY"))
    plain = " ".join((_LIST.sub(" ", head), *lists))
    return " ".join(plain.replace("'", " ").replace("(", " ").replace(")", " ").lower().split())


def _read_descriptions(text: str) -> tuple[dict[str, str], str | None]:
    """Return descriptions by OID and by name, and the DN they stand in.

    The number that slapd writes before each value is left out: it changes as soon as another value is deleted.
    """
    found: dict[str, str] = {}
    dn: str | None = None
    kinds = {name.lower(): "attribute type" for name in _ATTRIBUTES.values()}
    kinds.update((name.lower(), "object class") for name in _CLASSES.values())
    for line in text.replace("\r\n", "\n").replace("\n ", "").split("\n"):
        name, _, value = line.partition(":")
        if name.lower() == "dn" and dn is None:
            dn = value.strip()
        elif name.lower() in kinds:
            stored = value.strip()
            plain = stored[stored.find("(") :]
            if plain.startswith("(") and len(plain.split()) > 1:
                found[_oid_in(plain)] = plain
                for one in names_in(plain):
                    found.setdefault(_name_key(kinds[name.lower()], one), plain)
    return found, dn


# -- access ----------------------------------------------------------------------------------------------------------


def _verification_attributes() -> Iterator[SchemaElement]:
    yield _make_attribute_type(verifications.RECORD, _OCTETS, single=True)


def _verification_classes() -> Iterator[SchemaElement]:
    may = (verifications.RECORD,)
    yield _make_object_class(verifications.RECORD_CLASS, "top", (verifications.NAMING,), may, "STRUCTURAL")


def find_secret_attributes(registry: Registry) -> tuple[str, ...]:
    """Return the attributes that hold secrets in any definition, and old ones in the history, sorted."""
    secrets = {prop.attribute for d in registry for prop in d.properties.values() if is_secret(prop)}
    return tuple(sorted(secrets.union(journal.PROTECTED)))


def is_secret(prop: PropertyDefinition) -> bool:
    """Tell whether the values of a property are secrets."""
    return prop.sensitive or prop.syntax.sensitive


def format_access_rules(registry: Registry, server: str, base: DN, admin: DN, roles: AccessRoles | None = None) -> str:
    """Return LDIF for ldapmodify with rules for the entries at and below a base.

    ``admin`` reads and writes everything, other users who have logged in read all but the secrets, and nobody else
    reads anything. Each of them may make reports of followers beside the base, and read and change its own; the records of
    tests are read by all of them. With ``roles`` only who has one reads, see :mod:`confobjects.mapping.ldap_roles`.
    Raises :class:`~confobjects.errors.UsageError` for a server that is not in :data:`SERVERS`.
    """
    _check_known(server, SERVERS, "server")
    secrets = find_secret_attributes(registry)
    if not roles:
        return _ACCESS[server](secrets, base, admin, None)
    from confobjects.mapping.ldap_roles import collect_facts

    return _ACCESS[server](secrets, base, admin, collect_facts(registry, base, admin, roles, secrets))


def _format_openldap_rules(secrets: tuple[str, ...], base: DN, admin: DN, facts: RoleFacts | None) -> str:
    branch, tests = _place_apart(base, FOLLOWERS), _place_apart(base, VERIFICATIONS)
    filter_ = f"filter=(objectClass={followers.FOLLOWER_CLASS})"
    own = f'by dn.exact="{admin}" write by dnattr=creatorsName write by * none'
    rules = [
        f'to dn.exact="{branch}" attrs=children by users write by * none',
        f'to dn.onelevel="{branch}" {filter_} {own}',
        f'to dn.subtree="{branch}" by dn.exact="{admin}" write by users read by * none',
        f'to dn.subtree="{tests}" by dn.exact="{admin}" write{_let_operators_write(facts)} by users read by * none',
    ]
    if facts is not None:
        from confobjects.mapping.ldap_roles import list_openldap_rules

        rules.extend(list_openldap_rules(facts))
    else:
        if secrets:
            rules.append(f'to dn.subtree="{base}" attrs={",".join(secrets)} by dn.exact="{admin}" write by * none')
        rules.append(f'to dn.subtree="{base}" by dn.exact="{admin}" write by users read by * none')
    lines = "".join(_end_line(format_attribute("olcAccess", f"{{{n}}}{rule}")) for n, rule in enumerate(rules))
    return (
        "# Replace {N}mdb by the database that holds the base. These rules go before the existing ones.\n"
        "# A database without rules lets everybody read everything. With these rules nobody can read entries\n"
        "# outside the base, or log in as a user there, unless you add rules after them, such as:\n"
        "#   to attrs=userPassword by anonymous auth by * none\n"
        "#   to * by users read\n"
        f"{_tell_of_suffix(base)}"
        f"dn: olcDatabase={{N}}mdb,cn=config\nchangetype: modify\nadd: olcAccess\n{lines}-\n"
        f"{_CHECK_ADDED if facts is not None else ''}"
    )


_CHECK_ADDED: Final = "replace: olcAddContentAcl\nolcAddContentAcl: TRUE\n-\n"
"""Has OpenLDAP judge each attribute of an entry that is added, as of one that is changed."""


def _let_operators_write(facts: RoleFacts | None) -> str:
    operators = None if facts is None else facts.roles.operators
    return "" if operators is None else f' by group.exact="{operators}" write'


def _format_ds389_rules(secrets: tuple[str, ...], base: DN, admin: DN, facts: RoleFacts | None) -> str:
    beside = [*_list_follower_acis(base, admin), *_list_test_acis(base, admin, facts)]
    if facts is None:
        rules = _list_ds389_rules(secrets, base, admin)
    else:
        from confobjects.mapping.ldap_roles import list_ds389_rules

        rules = list(list_ds389_rules(facts))
    return _add_acis(base, rules) + "\n" + _tell_of_suffix(base) + _add_acis(base.parent or base, beside)


def _list_ds389_rules(secrets: tuple[str, ...], base: DN, admin: DN) -> list[str]:
    url = f'(target="ldap:///{base}")'
    who = f'userdn="ldap:///{admin}"'
    rules = [f'{url}(targetattr="*")(version 3.0; acl "confobjects: administration"; allow (all) {who};)']
    # Rules further up may let anybody read; what is denied stays denied.
    rule = 'acl "confobjects: logged in"; deny (read, search, compare) userdn!="ldap:///all";'
    rules.append(f'{url}(targetattr="*")(version 3.0; {rule})')
    readable = '(targetattr="*")'
    if secrets:
        names = " || ".join(secrets)
        readable = f'(targetattr!="{names}")'
        rule = f'acl "confobjects: secrets"; deny (read, search, compare) userdn!="ldap:///{admin}";'
        rules.append(f'{url}(targetattr="{names}")(version 3.0; {rule})')
    rule = 'acl "confobjects: reading"; allow (read, search, compare) userdn="ldap:///all";'
    return [*rules, f"{url}{readable}(version 3.0; {rule})"]


def _add_acis(dn: DN, rules: Iterable[str]) -> str:
    lines = "".join(_end_line(format_attribute("aci", rule)) for rule in rules)
    return f"dn: {dn}\nchangetype: modify\nadd: aci\n{lines}-\n"


def _list_follower_acis(base: DN, admin: DN) -> list[str]:
    """Return the rules for the reports of followers."""
    branch = _place_apart(base, FOLLOWERS)
    every, each = f'(target="ldap:///{branch}")', f'(target="ldap:///{followers.NAMING}=*,{branch}")'
    filter_ = f'(targetfilter="(objectClass={followers.FOLLOWER_CLASS})")'
    what = 'acl "confobjects: followers,'
    own = "allow (read, search, compare, write, delete)"
    return [
        f'{every}(targetattr="*")(version 3.0; {what} administration"; allow (all) userdn="ldap:///{admin}";)',
        f'{every}(targetattr="*")(version 3.0; {what} logged in"; deny (all) userdn!="ldap:///all";)',
        f'{each}(targetattr="*")(version 3.0; {what} others"; deny (read, search, compare) userdn!="ldap:///{admin}"'
        ' and not (userattr="creatorsName#USERDN");)',
        f'{each}{filter_}(targetattr="*")(version 3.0; {what} first report"; allow (add) userdn="ldap:///all";)',
        f'{each}{filter_}(targetattr="*")(version 3.0; {what} own report"; {own} userattr="creatorsName#USERDN";)',
    ]


def _list_test_acis(base: DN, admin: DN, facts: RoleFacts | None) -> list[str]:
    """Return the rules for the records of tests."""
    every = (
        f'(target="ldap:///{_place_apart(base, VERIFICATIONS)}")(targetattr="*")(version 3.0; acl "confobjects: tests,'
    )
    operators = None if facts is None else facts.roles.operators
    writing = [] if operators is None else [f'{every} operators"; allow (all) groupdn="ldap:///{operators}";)']
    return [
        *writing,
        f'{every} administration"; allow (all) userdn="ldap:///{admin}";)',
        f'{every} logged in"; deny (all) userdn!="ldap:///all";)',
        f'{every} reading"; allow (read, search, compare) userdn="ldap:///all";)',
    ]


def _place_apart(base: DN, branch: tuple[str, str]) -> DN:
    """Return where entries that are kept apart are, unless the base is the suffix of a database."""
    return place_of(base, branch, is_suffix=not base.parent)


def _tell_of_suffix(base: DN) -> str:
    if not base.parent:
        return ""
    what = (("reports of followers", FOLLOWERS), ("records of tests", VERIFICATIONS))
    return "".join(
        f"# If the base is the suffix of a database, the {name} are below {base.child(*branch)}:\n"
        f"# put that in the place of {_place_apart(base, branch)}.\n"
        for name, branch in what
    )


_ACCESS: Final = {"openldap": _format_openldap_rules, "389ds": _format_ds389_rules}
