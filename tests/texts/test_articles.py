"""The article before a noun is the one that people say, wherever the name of a kind of objects is part of a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from confobjects.texts.articles import choose_article, with_article
from tests.architecture.tree import Source, sources
from tests.definitions.documents import builtin, depot

AN = """
    Alert Handler · Entry · Installed Definition · OAuth 2.0 Provider · Umbrella · Übung · Uninstalled Part · Urgent Job · Usher
    Hour · Honest Broker · Heir · SMTP Alert Handler · LDAP Store · XML Filter · HTTP Listener · IP Range · MX Record · NTLM Login
    X.509 Certificate · S3 Bucket · LDAPv3 Server · mTLS Listener · iSCSI Target · eDirectory · 8-Bit Font · 11 o'clock · 18-Hole Course
    "Old" Server
"""
A = """
    Mail Server · Key · User · Unit · Unique Queue · Unix Socket · Usage · Utility · European · One-Time Password · House · Yard
    PEM Store · PKCS11 Store · JKS Store · URL · UUID · UDP Port · TLS Version · DNS Name · CA · B · Q
    SASL Option · SAML Service · MAC Address · RADIUS Client · SCIM User · FIDO Key · 2-Factor Login · 110-Volt Line · 7-Day Trial
"""
OWN = re.compile(r"(?:^|[^\w'])[Aa]n? [\"'(\[]?$")
"""A text that ends with an article: what comes next is put in by the program."""


def nouns(text: str) -> list[str]:
    return [noun.strip() for line in text.splitlines() for noun in line.split("·") if noun.strip()]


@pytest.mark.parametrize("noun", nouns(AN))
def test_what_sounds_like_a_vowel_has_an(noun: str) -> None:
    assert with_article(noun) == f"an {noun}"


@pytest.mark.parametrize("noun", nouns(A))
def test_anything_else_has_a(noun: str) -> None:
    assert with_article(noun) == f"a {noun}"


def test_every_name_of_a_kind_has_its_article() -> None:
    """A new kind whose name needs an ``an`` is added here by whoever has said it aloud."""
    registries = (builtin(), depot())
    found = [one for registry in registries for one in (*registry, *registry.relations().values())]
    assert len(found) > 60
    assert all(one.indefinite in (f"a {one.friendly}", f"an {one.friendly}") for one in found)
    assert sorted({one.friendly for one in found if one.indefinite.startswith("an ")}) == [
        "Account Status Notification Handler",
        "Alert Handler",
        "External SMTP",
        "Installed Definition",
        "LDAP Trust Manager Provider",
        "OAuth 2.0 Provider",
        "SMTP Account Status Notification Handler",
        "SMTP Alert Handler",
    ]


def fixed_articles(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of each f-string that puts an article of its own before a value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for before, value in zip(node.values, node.values[1:], strict=False):
                if not (isinstance(before, ast.Constant) and isinstance(value, ast.FormattedValue)):
                    continue
                if OWN.search(str(before.value)):
                    yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path)
def test_no_sentence_chooses_the_article_of_a_value_by_itself(source: Source) -> None:
    assert list(fixed_articles(source.tree)) == []


@pytest.mark.parametrize(
    "code",
    ["f'create a {kind}'", "f'A {kind}'", "f'it is an {kind}'", "f'there is a \"{name}\"'", "f'a {x} and a {y}'"],
)
def test_an_article_of_its_own_is_found(code: str) -> None:
    assert list(fixed_articles(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["f'{with_article(kind)}'", "f'the {kind}'", "f'schema {x}'", "f'{a} {b}'", "'a {kind}'"]
)
def test_other_sentences_are_not(code: str) -> None:
    assert not list(fixed_articles(ast.parse(code)))


def test_no_text_is_too_odd() -> None:
    for noun in ("", " ", "…", "_", "-", "ß", "\u0301", "ﬁ", "\u0661"):
        assert choose_article(noun) in ("a", "an")
