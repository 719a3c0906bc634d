"""Distinguished names: the address of an entry (RFC 4514).

Laws of this module:

1. Pure: text in, names out; it knows no server, no schema and no storage.
2. ``DN.parse(str(dn)) == dn``, and the printed text is canonical: no blanks around separators.
3. Two names are equal when their types are equal ignoring case and their values in the form of :func:`normal_name`, and
   the pairs of a multi-valued RDN in any order; the hash follows.

A name holds two texts and nothing else, the printed and the normal form (often the same object), so that
hundreds of thousands of them fit in memory; RDNs are parsed on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NoReturn, cast

from confobjects.texts.names import normal_name

Pair = tuple[str, str]
"""Attribute type and value."""
RDN = tuple[Pair, ...]
"""A relative distinguished name; more than one pair makes it multi-valued."""

_MUST_ESCAPE: Final = frozenset('"+,;<>\\')
_MUST_ESCAPE_BUT_COMMA: Final = _MUST_ESCAPE - {","}
_MAY_ESCAPE: Final = _MUST_ESCAPE | frozenset(" #=")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_ALIASES: Final = {
    "2.5.4.3": "cn",
    "commonname": "cn",
    "2.5.4.7": "l",
    "localityname": "l",
    "2.5.4.8": "st",
    "stateorprovincename": "st",
    "2.5.4.10": "o",
    "organizationname": "o",
    "2.5.4.11": "ou",
    "organizationalunitname": "ou",
    "2.5.4.6": "c",
    "countryname": "c",
    "2.5.4.9": "street",
    "streetaddress": "street",
    "0.9.2342.19200300.100.1.25": "dc",
    "domaincomponent": "dc",
    "0.9.2342.19200300.100.1.1": "uid",
    "userid": "uid",
}
"""Other spellings of the attribute types of RFC 4514 section 3, in lower case."""
_STRING_TAGS: Final = {0x04: "utf-8", 0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii"}
"""BER tags of the string types a ``#`` value may hold: octet, UTF-8, printable and IA5 string."""

_LONGEST_SHORT_BER: Final = 0x7F


class DNSyntaxError(ValueError):
    """A text is not a distinguished name. ``span`` is the wrong half-open range of the text, if known."""

    def __init__(self, message: str, span: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.span = span


class DN:
    """A distinguished name, immutable and hashable; leaf first. The empty name is the root.

    Make one with :meth:`parse`, :meth:`of` or :meth:`child`.
    """

    __slots__ = ("_normal", "_text")

    _text: str
    _normal: str

    @classmethod
    def parse(cls, text: str) -> DN:
        """Return the name written in ``text`` (RFC 4514). Raises :class:`DNSyntaxError`, a ``ValueError``."""
        if _is_plain(text):
            return _make_dn(text, text.lower())
        return cls.of(*_DnScanner(text).read_rdns())

    @classmethod
    def parse_all(cls, texts: Iterable[str]) -> list[DN]:
        """Return the names written in some texts. It is fast where most of them have the same parent."""
        found: list[DN] = []
        known, above = "", ""  # a parent that is plain, and its normal form
        for text in texts:
            first, _, rest = text.partition(",")
            if rest and rest == known and _is_plain(first):
                found.append(_make_dn(text, f"{first.lower()},{above}"))
                continue
            found.append(cls.parse(text))
            if rest != known and _is_plain(rest):
                known, above = rest, rest.lower()
        return found

    @classmethod
    def of(cls, *rdns: Pair | RDN) -> DN:
        """Return the name of these RDNs, leaf first: ``DN.of(("cn", "x"), ("cn", "config"))``.

        A multi-valued RDN is a tuple of pairs. Raises :class:`DNSyntaxError` on a wrong attribute type.
        """
        parts = tuple(_as_rdn(rdn) for rdn in rdns)
        text = ",".join(_rdn_text(rdn) for rdn in parts)
        return _make_dn(text, ",".join(_rdn_normal(rdn) for rdn in parts))

    def __str__(self) -> str:
        """Return the canonical text (RFC 4514)."""
        return self._text

    def __repr__(self) -> str:
        return f"DN({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return self._normal == other._normal if isinstance(other, DN) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._normal)

    def __bool__(self) -> bool:
        """Return False for the root."""
        return bool(self._text)

    def __len__(self) -> int:
        """Return the number of RDNs; the root has none."""
        return self._normal.count(",") + 1 if self._text else 0

    @property
    def normal(self) -> str:
        """The normal form: equal names have equal normal forms. A key for comparisons, not for people."""
        return self._normal

    @property
    def rdns(self) -> tuple[RDN, ...]:
        """The RDNs, leaf first, each a tuple of ``(type, value)`` pairs (one pair, if not multi-valued)."""
        if "\\" in self._text or "+" in self._text:
            return tuple(_DnScanner(self._text).read_rdns())
        return tuple(((kind, value),) for kind, value in self._plain_pairs())

    def _plain_pairs(self) -> Iterator[Pair]:
        """Yield the pairs of a name without escapes and multi-valued RDNs."""
        for part in self._text.split(",") if self._text else ():
            kind, _, value = part.partition("=")
            yield kind, value

    @property
    def parent(self) -> DN:
        """The name without its first RDN; the parent of the root is the root."""
        _, _, normal = self._normal.partition(",")
        return _make_dn(self._text[_first_rdn_end(self._text) + 1 :], normal)

    @property
    def name(self) -> str:
        """The value of the first RDN. Raises ``ValueError`` when it is multi-valued or there is none."""
        return self._first_pair()[1]

    @property
    def naming_attribute(self) -> str:
        """The attribute type of the first RDN. Raises ``ValueError`` like :attr:`name`."""
        return self._first_pair()[0]

    def name_by(self, attribute: str) -> str | None:
        """Return the value of the first RDN if this attribute type alone makes it, in any of its spellings."""
        text = self._text
        if "\\" in text or "+" in text:
            rdn = self.rdns[0]
            kind, value = rdn[0] if len(rdn) == 1 else ("", "")
        else:
            first, _, _ = text.partition(",")
            kind, _, value = first.partition("=")
        return value if kind and (kind == attribute or _normal_type(kind) == _normal_type(attribute)) else None

    def _first_pair(self) -> Pair:
        first = self._text[: _first_rdn_end(self._text)]
        if "\\" not in first and "+" not in first and first:
            kind, _, value = first.partition("=")
            return kind, value
        rdn = self.rdns[0] if self._text else ()
        if len(rdn) != 1:
            kind = "a multi-valued RDN" if rdn else "no RDN"
            raise ValueError(f'the DN "{self._text}" starts with {kind}, so it has no single name')
        return rdn[0]

    def child(self, attribute: str, value: str) -> DN:
        """Return the name one level below. Raises :class:`DNSyntaxError` on a wrong attribute type."""
        text = f"{attribute}={value}"
        if "," not in value and "=" not in attribute and _is_plain(text):
            normal = text.lower()
        else:
            rdn = _as_rdn((attribute, value))
            text, normal = _rdn_text(rdn), _rdn_normal(rdn)
        return _make_dn(f"{text},{self._text}", f"{normal},{self._normal}") if self._text else _make_dn(text, normal)

    def is_below(self, base: DN) -> bool:
        """Return whether this entry is somewhere below ``base``; a name is not below itself."""
        if not base._text:
            return bool(self._text)
        # A comma of a value is hex-escaped in the normal form, so a bare one always separates RDNs.
        return self._normal.endswith("," + base._normal)

    def relative_to(self, base: DN) -> DN:
        """Return the RDNs between ``base`` and this name as a name; the root if they are equal.

        Raises ``ValueError`` when this name is neither ``base`` nor below it.
        """
        if self == base:
            return ROOT
        if not self.is_below(base):
            raise ValueError(f'"{self._text}" is not below "{base._text}"')
        return DN.of(*self.rdns[: len(self) - len(base)])


def _make_dn(text: str, normal: str) -> DN:
    """Return a name from its printed and its normal form, which must match."""
    dn = DN.__new__(DN)
    dn._text = text  # noqa: SLF001 - the constructor, private to this module
    dn._normal = text if text == normal else normal  # noqa: SLF001 - as above
    return dn


ROOT: Final = _make_dn("", "")
"""The empty name, above every entry."""


def _is_plain(text: str) -> bool:
    """Return whether a text is canonical and its lower-case form is normal, as for nearly every name."""
    if not text.isascii() or not text.isprintable() or not _MUST_ESCAPE_BUT_COMMA.isdisjoint(text) or "  " in text:
        return False
    for part in text.split(","):
        kind, equals, value = part.partition("=")
        if not (equals and kind and kind[0].isalpha() and kind.replace("-", "").isalnum()):
            return False
        if not value or value[0] in " #" or value[-1] == " " or kind.lower() in _ALIASES:
            return False
    return True


def _is_attribute_type(text: str) -> bool:
    """Return whether a text is a short name or a dotted OID (RFC 4512 section 1.4)."""
    if not text.isascii():
        return False
    if text[:1].isalpha():
        return text.replace("-", "").isalnum()
    arcs = text.split(".")
    return len(arcs) > 1 and all(arc.isdecimal() and (arc == "0" or arc[0] != "0") for arc in arcs)


def _first_rdn_end(text: str) -> int:
    """Return the offset of the comma that ends the first RDN of a canonical text, or its length."""
    end, escape = text.find(","), text.find("\\")
    if escape < 0:
        return end if end >= 0 else len(text)
    while 0 <= escape < end:
        if escape + 1 == end:
            end = text.find(",", end + 1)
        escape = text.find("\\", escape + 2)
    return end if end >= 0 else len(text)


def _as_rdn(rdn: Pair | RDN) -> RDN:
    """Return an RDN in its standard form, after checking it."""
    first, *rest = rdn
    pairs: RDN = ((first, str(rest[0])),) if isinstance(first, str) else cast("RDN", rdn)
    for kind, value in pairs:
        if not _is_attribute_type(kind):
            raise DNSyntaxError(f'"{kind}" is not an attribute type; expected a name such as cn, or a dotted OID')
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise DNSyntaxError(f"the value of {kind} is not text: it holds half of a surrogate pair")
    return pairs


def _escape_value(value: str) -> str:
    """Return a value in printed form (RFC 4514 section 2.4). Control characters become hex pairs."""
    text = "".join(
        f"\\{character}"
        if character in _MUST_ESCAPE
        else _as_hex_pairs(character)
        if not character.isprintable()
        else character
        for character in value
    )
    if text[:1] in (" ", "#"):
        text = "\\" + text
    if value.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def _as_hex_pairs(character: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in character.encode())


def _rdn_text(rdn: RDN) -> str:
    return "+".join(f"{kind}={_escape_value(value)}" for kind, value in rdn)


def _rdn_normal(rdn: RDN) -> str:
    return "+".join(sorted(f"{_normal_type(kind)}={_normal_value(value)}" for kind, value in rdn))


def _normal_type(kind: str) -> str:
    kind = kind.lower()
    return _ALIASES.get(kind, kind)


def _normal_value(value: str) -> str:
    """Return a value in the form of :func:`normal_name`, with separators escaped."""
    folded = normal_name(value)
    if _MUST_ESCAPE.isdisjoint(folded):
        return folded
    return "".join(_as_hex_pairs(character) if character in _MUST_ESCAPE else character for character in folded)


class _DnScanner:
    """Reads a name character by character: escapes, hex pairs, ``#`` values, blanks around separators."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, message: str, start: int, end: int | None = None) -> NoReturn:
        raise DNSyntaxError(message, (start, end if end is not None else start + 1))

    def skip_blanks(self) -> None:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1

    def read_rdns(self) -> Iterator[RDN]:
        """Yield every RDN; an empty or blank text has none."""
        self.skip_blanks()
        if self.at == len(self.text):
            return
        pairs: list[Pair] = []
        while True:
            pairs.append((self.read_type(), self.read_value()))
            separator = self.text[self.at : self.at + 1]
            self.at += 1
            if separator != "+":
                yield tuple(pairs)
                pairs = []
            if not separator:
                return

    def read_type(self) -> str:
        self.skip_blanks()
        start = self.at
        while self.text[self.at : self.at + 1] not in ("", "=", ",", "+"):
            self.at += 1
        kind = self.text[start : self.at].rstrip(" ")
        if self.text[self.at : self.at + 1] != "=":
            found = f'"{kind}"' if kind else "nothing"
            self.fail(f'expected an attribute type and "=", found {found}', start, max(start + 1, self.at))
        if not _is_attribute_type(kind):
            message = f'"{kind}" is not an attribute type; expected a name such as cn, or a dotted OID'
            self.fail(message, start, max(start + 1, self.at))
        self.at += 1
        return kind

    def read_value(self) -> str:
        self.skip_blanks()
        if self.text[self.at : self.at + 1] == "#":
            return self.read_hex_value()
        value = bytearray()
        start, keep = self.at, 0  # keep: escaped blanks at the end belong to the value
        while (character := self.text[self.at : self.at + 1]) not in ("", ",", "+"):
            if character == "\\":
                value += self.read_escape()
                keep = len(value)
                continue
            if character in _MUST_ESCAPE or character == "\0":
                self.fail(f"the character {character!r} must be escaped with a backslash in a value", self.at)
            value += self.encode_character(character)
            keep = len(value) if character != " " else keep
            self.at += 1
        try:
            return value[:keep].decode()
        except UnicodeDecodeError:
            self.fail("the hex pairs of the value are not UTF-8", start, self.at)

    def encode_character(self, character: str) -> bytes:
        try:
            return character.encode()
        except UnicodeEncodeError:
            self.fail("the value is not text: it holds half of a surrogate pair", self.at)

    def read_escape(self) -> bytes:
        """Return the byte or character after a backslash."""
        start = self.at
        pair = self.text[start + 1 : start + 3]
        if len(pair) > 1 and _HEX.issuperset(pair):
            self.at += 3
            return bytes.fromhex(pair)
        if not pair or pair[0] not in _MAY_ESCAPE:
            message = 'two hex digits or one of "+,;<>\\ #= must follow a backslash'
            self.fail(message, start, min(len(self.text), start + 2))
        self.at += 2
        return pair[0].encode()

    def read_hex_value(self) -> str:
        """Return the string inside a ``#`` value, which holds BER (RFC 4514 section 2.4)."""
        start = self.at
        self.at += 1
        while self.text[self.at : self.at + 1] not in ("", ",", "+"):
            self.at += 1
        digits = self.text[start + 1 : self.at].rstrip(" ")
        if not digits or len(digits) % 2 or not _HEX.issuperset(digits):
            self.fail("an even number of hex digits must follow #", start, self.at)
        data = bytes.fromhex(digits)
        tag, content = data[0], data[2:]
        short = tag in _STRING_TAGS and len(content) <= _LONGEST_SHORT_BER and data[1:2] == bytes([len(content)])
        if not short:
            self.fail("the value after # is not a short BER string, the only kind understood here", start, self.at)
        try:
            return content.decode(_STRING_TAGS[tag])
        except UnicodeDecodeError:
            self.fail("the value after # is not text", start, self.at)
