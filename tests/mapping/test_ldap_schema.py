"""The changes that bring an installed schema up to date: what the definitions need is added, and nothing is taken away."""

from __future__ import annotations

import re

import pytest

from confobjects.mapping.ldap_schema import as_ldif, build_schema, upgrade
from tests.definitions.documents import depot, founded_depot

FORMS = ("openldap", "rfc4512")


def as_server_writes(schema: str, form: str) -> str:
    """The values as the server has them: numbered by slapd, and lists of one name without brackets on 389-ds."""
    if form == "rfc4512":
        return re.sub(r"\( ([a-z0-9-]+) \)", r"\1", schema.replace("\n ", ""))
    numbers = iter(range(10_000))
    return re.sub(r"(?m)^(olc\w+: )\(", lambda found: f"{found[1]}{{{next(numbers)}}}(", schema.replace("\n ", ""))


@pytest.mark.parametrize("form", FORMS)
def test_an_installed_schema_that_allows_all_is_left_alone(form: str) -> None:
    wider = as_server_writes(as_ldif(build_schema(founded_depot()), form), form)
    assert upgrade(build_schema(founded_depot()), wider, form) == ""
    assert upgrade(build_schema(depot()), wider, form) == ""


@pytest.mark.parametrize("form", FORMS)
def test_a_class_that_lacks_attributes_gets_them_and_keeps_its_own(form: str) -> None:
    wider = as_ldif(build_schema(founded_depot()), form).replace("\n ", "")
    older = as_server_writes(wider.replace("$ ds-cfg-site-name ", "").replace(" $ ds-cfg-watch", ""), form)
    changes = upgrade(build_schema(depot()), older, form).replace("\n ", "")
    added = re.findall(r"(?m)^\w+: (\(.*'(?:ds-cfg-depot-settings|depot-queue)'.*)$", changes)[1::2]
    assert len(added) == 2
    assert all(
        name in added[0] + added[1] for name in ("ds-cfg-charter", "ds-cfg-founded", "ds-cfg-site-name", "ds-cfg-watch")
    )
    assert "{" not in changes.partition("changetype")[2]  # slapd numbers its values again with each deletion
