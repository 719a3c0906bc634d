"""The definitions of a whole server, as far as they are here: all kinds convert and build, and the figures are those of the files.

They are not ours to keep. ``CONFOBJECTS_OPENDJ_DEFINITIONS`` names a folder of them, else one beside the checkout is used.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from confobjects.conversion.opendj import convert
from confobjects.conversion.opendj_xml import read_facts
from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.model import ManagedObjectDefinition, PropertyDefinition
from confobjects.definitions.registry import Registry
from confobjects.families.adding import check_documents
from tests.conversion.reading import SERVER_SET, read_folder

pytestmark = pytest.mark.skipif(
    not SERVER_SET.is_dir(), reason=f"the XML definitions of a server are not at {SERVER_SET}"
)


@cache
def facts() -> tuple[dict[str, Any], Any]:
    return read_facts(read_folder(SERVER_SET), "5.2.0")


@cache
def registry() -> Registry:
    found, places = facts()
    documents = convert(found)
    check_documents(documents, places)
    return Registry([DefinitionDocument(name, data) for name, data in documents.items()])


def kinds() -> list[ManagedObjectDefinition]:
    return list(registry())


def expanded() -> list[PropertyDefinition]:
    return [prop for kind in kinds() for prop in kind.properties.values()]


def test_all_kinds_are_there_with_their_flags() -> None:
    assert len(kinds()) == 198
    assert sorted(kind.name for kind in kinds() if kind.abstract) == [
        "authentication-policy",
        "http-authorization-mechanism",
        "http-oauth2-authorization-mechanism",
        "log-publisher",
        "pluggable-backend",
    ]
    assert sum(kind.advanced for kind in kinds()) == 9
    assert sum(not kind.ancestors for kind in kinds()) == 43
    assert max(len(kind.ancestors) for kind in kinds()) == 3
    assert sum(kind.custom for kind in kinds()) == 28
    assert sum(len(kind.raw.get("tags", ())) for kind in kinds()) == 44


def test_properties_are_declared_changed_and_inherited_as_often_as_in_the_files() -> None:
    declared = [name for kind in kinds() for name in kind.raw.get("properties", ())]
    shared = 57
    assert len(declared) - shared + 18 == 672
    assert sum(len(kind["properties"]) for kind in facts()[0]["kinds"]) == 654 + shared + 203
    assert len(expanded()) == 1272
    assert sum(len(kind.properties) for kind in kinds() if not kind.abstract) == 1245


def test_syntaxes_are_as_many_as_in_the_files() -> None:
    assert Counter(prop.syntax.name for prop in expanded()) == {
        "string": 295 - SECRET_STRINGS,
        "password": 2 + SECRET_STRINGS,
        "boolean": 341,
        "integer": 99,
        "aggregation": 61,
        "duration": 51,
        "enumeration": 93,
        "class-name": 184,
        "dn": 67,
        "size": 26,
        "attribute-type": 30,
        "ip-address": 8,
        "ip-address-mask": 14,
        "aci": 1,
    }


SECRET_STRINGS = 8
"""Pins and secrets that the files write as plain strings."""


def test_the_secrets_are_those_that_the_names_say() -> None:
    secrets = {prop.name for prop in expanded() if prop.sensitive}
    assert secrets == {
        "bind-password",
        "client-secret",
        "key-store-pin",
        "mapped-search-bind-password",
        "trust-store-pin",
    }


def test_flags_are_as_many_as_in_the_files() -> None:
    found = {
        flag: sum(getattr(prop, flag) for prop in expanded())
        for flag in ("mandatory", "multi_valued", "advanced", "read_only", "hidden")
    }
    assert found == {"mandatory": 587, "multi_valued": 230, "advanced": 343, "read_only": 26, "hidden": 0}


def test_defaults_and_actions_are_as_many_as_in_the_files() -> None:
    assert Counter(prop.default.kind for prop in expanded()) == {
        "defined": 609,
        "undefined": 352 + 100,
        "alias": 210,
        "inherited-relative": 1,
    }
    assert Counter(prop.admin_action.kind for prop in expanded()) == {
        "none": 953 + 121,
        "component-restart": 177,
        "server-restart": 12,
        "other": 9,
    }


def test_relations_are_as_many_as_in_the_files() -> None:
    relations = list(registry().relations().values())
    assert Counter(one.kind for one in relations) == {"instantiable": 33, "singleton": 9, "optional": 1}
    assert sum(one.parent == "root" for one in relations) == 34
    assert [one.name for one in relations if one.hidden] == ["root-dn-user"]
    assert {one.name: one.naming_attribute for one in relations if one.naming_attribute != "cn"} == {
        "backend": "ds-cfg-backend-id",
        "backend-index": "ds-cfg-attribute",
        "backend-vlv-index": "ds-cfg-name",
        "debug-target": "ds-cfg-debug-scope",
        "http-endpoint": "ds-cfg-base-path",
    }
    assert sum(len(one.default_objects) for one in relations) == 13
    assert registry().relation("global-configuration").branch == ""
    assert registry().relation("connection-handler").branch.lower() == "cn=connection handlers"
    assert registry().relation("virtual-attribute").name_option == "name"


def test_constraints_keep_their_trees() -> None:
    trees = [one.condition for kind in kinds() for one in kind.constraints if one.name.startswith(f"{kind.name}-")]
    assert len(trees) == 13
    ldap = {one.name: one.condition for one in registry().definition("ldap-connection-handler").constraints}
    second = ldap["ldap-connection-handler-2"]
    assert second is not None
    assert second.as_words() == "if enabled is true then not (use-ssl is true and allow-start-tls is true)"
    own = {(prop.declared_by, prop.name): prop.reference for prop in expanded() if prop.reference is not None}
    ways = Counter((one.target_enabled is not None, one.needed_when is not None) for one in own.values())
    assert ways == {(False, False): 19, (True, False): 15, (True, True): 15, (False, True): 2}


def test_names_in_ldap_are_their_own() -> None:
    classes = {
        kind.name: kind.object_classes[-1] for kind in kinds() if kind.object_classes[-1] != f"ds-cfg-{kind.name}"
    }
    assert classes == {
        "global": "ds-cfg-root-config",
        "replication-service-discovery-mechanism": "ds-cfg-replication-server-discovery-mechanism",
        "static-service-discovery-mechanism": "ds-cfg-static-server-discovery-mechanism",
    }
    assert len({prop.attribute.lower() for prop in expanded()}) == 448
    renamed = {prop.declared_by for prop in expanded() if prop.attribute != f"ds-cfg-{prop.name}"}
    assert all(name.startswith("http-") for name in renamed)
