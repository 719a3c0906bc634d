"""Distinguished names: RFC 4514 text both ways, equality, and kinship."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN, RDN, ROOT, DNSyntaxError

PARSED: list[tuple[str, str, tuple[RDN, ...] | None]] = [
    ("cn=config", "cn=config", ((("cn", "config"),),)),
    ("cn=one, cn=Mail Servers ,cn=config", "cn=one,cn=Mail Servers,cn=config", None),
    ("", "", ()),
    ("  ", "", ()),
    ("CN = Steve ,O=x", "CN=Steve,O=x", ((("CN", "Steve"),), (("O", "x"),))),
    ("OU=Sales+CN=J.  Smith,DC=example", "OU=Sales+CN=J.  Smith,DC=example", None),
    (r"CN=James \"Jim\" Smith\, III", r"CN=James \"Jim\" Smith\, III", ((("CN", 'James "Jim" Smith, III'),),)),
    (r"CN=Before\0dAfter", r"CN=Before\0dAfter", ((("CN", "Before\rAfter"),),)),
    (r"CN=Lu\C4\8Di\C4\87", "CN=Lučić", ((("CN", "Lučić"),),)),
    (r"cn=\ a\ ", r"cn=\ a\ ", ((("cn", " a "),),)),
    (r"cn=\20a\20 ", r"cn=\ a\ ", ((("cn", " a "),),)),
    (r"cn=\ ", r"cn=\ ", ((("cn", " "),),)),
    (r"cn=\#a#", r"cn=\#a#", ((("cn", "#a#"),),)),
    (r"cn=a\=b=c", "cn=a=b=c", ((("cn", "a=b=c"),),)),
    ("cn=", "cn=", ((("cn", ""),),)),
    ("cn=,cn=config", "cn=,cn=config", ((("cn", ""),), (("cn", "config"),))),
    ("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=Hi", ((("1.3.6.1.4.1.1466.0", "Hi"),),)),
    (r"cn=\5c\2C", r"cn=\\\,", ((("cn", "\\,"),),)),
]


@pytest.mark.parametrize(("text", "printed", "rdns"), PARSED)
def test_parse_and_print(text: str, printed: str, rdns: tuple[RDN, ...] | None) -> None:
    dn = DN.parse(text)
    assert str(dn) == printed
    assert DN.parse(printed) == dn
    assert DN.of(*dn.rdns) == dn
    assert str(DN.of(*dn.rdns)) == printed
    assert len(dn) == len(dn.rdns)
    if rdns is not None:
        assert dn.rdns == rdns


REFUSED = [
    ("config", 'expected an attribute type and "=", found "config"', (0, 6)),
    ("cn=a,", 'expected an attribute type and "=", found nothing', (5, 6)),
    (",cn=a", 'expected an attribute type and "=", found nothing', (0, 1)),
    ("cn=a+,cn=b", 'expected an attribute type and "=", found nothing', (5, 6)),
    ("=a", '"" is not an attribute type; expected a name such as cn, or a dotted OID', (0, 1)),
    ("c n=a", '"c n" is not an attribute type; expected a name such as cn, or a dotted OID', (0, 3)),
    ("1.02=a", '"1.02" is not an attribute type; expected a name such as cn, or a dotted OID', (0, 4)),
    ("é=a", '"é" is not an attribute type; expected a name such as cn, or a dotted OID', (0, 1)),
    ('cn="a"', "the character '\"' must be escaped with a backslash in a value", (3, 4)),
    ("cn=a;b", "the character ';' must be escaped with a backslash in a value", (4, 5)),
    ("cn=a\0", "the character '\\x00' must be escaped with a backslash in a value", (4, 5)),
    ("cn=a\\", 'two hex digits or one of "+,;<>\\ #= must follow a backslash', (4, 5)),
    ("cn=a\\z", 'two hex digits or one of "+,;<>\\ #= must follow a backslash', (4, 6)),
    ("cn=\\C4x", "the hex pairs of the value are not UTF-8", (3, 7)),
    ("cn=#123", "an even number of hex digits must follow #", (3, 7)),
    ("cn=#", "an even number of hex digits must follow #", (3, 4)),
    ("cn=#3000", "the value after # is not a short BER string, the only kind understood here", (3, 8)),
    ("cn=#0401ff", "the value after # is not text", (3, 10)),
    ("cn=\ud800", "the value is not text: it holds half of a surrogate pair", (3, 4)),
]


@pytest.mark.parametrize(("text", "message", "span"), REFUSED)
def test_refused_with_reason_and_place(text: str, message: str, span: tuple[int, int]) -> None:
    with pytest.raises(DNSyntaxError) as caught:
        DN.parse(text)
    assert (str(caught.value), caught.value.span) == (message, span)
    assert isinstance(caught.value, ValueError)


def test_of_refuses_what_is_no_attribute_type_or_no_text() -> None:
    with pytest.raises(DNSyntaxError, match="not an attribute type"):
        DN.of(("c,n", "x"))
    with pytest.raises(DNSyntaxError, match="surrogate"):
        DN.of(("cn", "\udcff"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=One,cn=CONFIG", "cn=one,CN=config"),
        ("cn=a  b", "cn=a b"),
        (r"cn=\ a", "cn=a"),
        (r"cn=a\2cb", r"cn=A\,B"),
        ("cn=a+ou=b", "OU=B+CN=A"),
        ("commonName=x,2.5.4.10=y", "cn=x,o=y"),
        ("cn=STRASSE", "cn=straße"),
        ("cn=é", "cn=é"),
    ],
)
def test_equal(one: str, other: str) -> None:
    assert DN.parse(one) == DN.parse(other)
    assert hash(DN.parse(one)) == hash(DN.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("cn=a", "ou=a"), ("cn=a,cn=b", "cn=b,cn=a"), (r"cn=a\,cn=b", "cn=a,cn=b"), ("cn=ab", "cn=a b"), ("cn=a", "")],
)
def test_not_equal(one: str, other: str) -> None:
    assert DN.parse(one) != DN.parse(other)


def test_family() -> None:
    config = DN.parse("cn=config")
    servers = config.child("cn", "Mail, Servers")
    one = servers.child("cn", "SMTP server")
    assert str(one) == r"cn=SMTP server,cn=Mail\, Servers,cn=config"
    assert (one.name, one.naming_attribute) == ("SMTP server", "cn")
    assert servers.name == "Mail, Servers"
    assert one.parent == servers
    assert str(servers.parent) == "cn=config"
    assert config.parent == ROOT == ROOT.parent
    assert one.is_below(servers)
    assert one.is_below(DN.parse("CN=Config"))
    assert not one.is_below(one)
    assert not config.is_below(one)
    assert one.is_below(ROOT)
    assert not ROOT.is_below(ROOT)
    assert one.relative_to(config) == DN.of(("cn", "SMTP server"), ("cn", "Mail, Servers"))
    assert one.relative_to(one) == ROOT
    assert one.relative_to(ROOT) == one
    with pytest.raises(ValueError, match='"cn=config" is not below "cn=x"'):
        config.relative_to(DN.parse("cn=x"))


def test_a_comma_inside_a_value_is_no_level() -> None:
    assert not DN.parse(r"cn=a\,cn=config").is_below(DN.parse("cn=config"))
    assert str(DN.parse(r"cn=a\\,cn=config").parent) == "cn=config"


def test_name_needs_one_pair() -> None:
    with pytest.raises(ValueError, match="starts with a multi-valued RDN"):
        DN.parse("cn=a+ou=b,cn=c").name  # noqa: B018
    with pytest.raises(ValueError, match="starts with no RDN"):
        ROOT.naming_attribute  # noqa: B018


def test_many_levels_are_no_recursion() -> None:
    dn = DN.parse(",".join(["cn=a"] * 5000 + [r"cn=\,"]))
    assert len(dn) == len(dn.rdns) == 5001


def test_pickles() -> None:
    dn = DN.parse("cn=One,cn=config")
    copy = pickle.loads(pickle.dumps(dn))
    assert copy == dn
    assert str(copy) == str(dn)


TYPES = st.sampled_from(["cn", "ou", "ds-cfg-x", "2.5.4.3", "1.2.840", "CommonName", "UID"])
VALUES = st.one_of(
    st.text(st.sampled_from(' ,+"\\<>;#=aAß\u00e9\u0130\0\n\x7f\u2028'), max_size=6),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
RDNS = st.lists(st.lists(st.tuples(TYPES, VALUES), min_size=1, max_size=2).map(tuple), max_size=4)


@given(RDNS)
def test_law_parse_of_print_is_the_same(rdns: list[RDN]) -> None:
    dn = DN.of(*rdns)
    again = DN.parse(str(dn))
    assert again == dn
    assert again.rdns == dn.rdns == tuple(rdns)
    assert str(again) == str(dn)
    assert str(dn).isprintable()


@given(st.lists(st.tuples(st.lists(st.tuples(TYPES, VALUES), min_size=1, max_size=2).map(tuple), st.booleans())), RDNS)
def test_law_names_parsed_together_are_those_parsed_alone(first: list[tuple[RDN, bool]], above: list[RDN]) -> None:
    texts = [str(DN.of(rdn, *(above if below else ()))) for rdn, below in first]
    found = DN.parse_all(texts)
    assert [(str(dn), dn.normal) for dn in found] == [(str(dn), dn.normal) for dn in map(DN.parse, texts)]


def test_names_parsed_together_are_refused_as_alone() -> None:
    with pytest.raises(DNSyntaxError, match="must be escaped"):
        DN.parse_all(["cn=a,cn=b", "cn=c,cn=b", "cn=d;e,cn=b"])


@given(st.lists(st.tuples(TYPES, VALUES), min_size=1, max_size=2).map(tuple), RDNS, TYPES)
def test_law_a_name_by_a_type_is_the_value_that_child_was_given(rdn: RDN, above: list[RDN], kind: str) -> None:
    dn = DN.of(rdn, *above)
    value = dn.name_by(kind)
    first, *others = rdn
    if value is None:
        assert others or dn != dn.parent.child(kind, first[1])
    else:
        assert (others, value, dn) == ([], first[1], dn.parent.child(kind, value))
    assert ROOT.name_by(kind) is None


@given(RDNS, TYPES, VALUES)
def test_law_child_and_parent_undo_each_other(rdns: list[RDN], kind: str, value: str) -> None:
    base = DN.of(*rdns)
    child = base.child(kind, value)
    assert child.parent == base
    assert str(child.parent) == str(base)
    assert (child.naming_attribute, child.name) == (kind, value)
    assert child.is_below(base)
    assert child.relative_to(base) == DN.of((kind, value))
    assert (child, str(child)) == (DN.of((kind, value), *base.rdns), str(DN.of((kind, value), *base.rdns)))


@given(RDNS)
def test_law_equality_ignores_the_way_it_is_written(rdns: list[RDN]) -> None:
    dn = DN.of(*rdns)
    hexed = ",".join(
        "+".join(f"{kind.upper()}= " + "".join(f"\\{byte:02X}" for byte in value.encode()) for kind, value in rdn)
        for rdn in rdns
    )
    assert DN.parse(hexed) == dn
    assert DN.parse(hexed).rdns == tuple(tuple((kind.upper(), value) for kind, value in rdn) for rdn in rdns)


@given(st.text(st.sampled_from('cn=,+ \\"#aA01;'), max_size=14))
def test_law_any_text_is_a_name_or_a_reasoned_refusal(text: str) -> None:
    try:
        dn = DN.parse(text)
    except DNSyntaxError as refusal:
        assert str(refusal)  # noqa: PT017 - both ways out are right
        assert refusal.span is not None  # noqa: PT017 - as above
    else:
        assert DN.parse(str(dn)) == dn
        assert DN.of(*dn.rdns).normal == dn.normal
