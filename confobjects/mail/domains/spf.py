"""SPF (RFC 7208): reading a record, and judging whether an address may send for a domain."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final, Literal

from confobjects.mail.domains import RecordError, RecordType, Resolve, normal_domain
from confobjects.records import Record

Result = Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"]

MOST_LOOKUPS: Final = 10
"""Terms that cause look-ups, of the record and all that it includes (section 4.6.4)."""
MOST_VOID: Final = 2
"""Look-ups without an answer."""
_MOST_NAMES: Final = 10
"""Names that one term may lead to: hosts of MX."""
_LONGEST: Final = 4096
_MOST_TERMS: Final = 300
_QUALIFIERS: Final[dict[str, Result]] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_MECHANISM: Final = re.compile(r"([+\-~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?:[:/].*)?)", re.IGNORECASE)
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.\-]*)=(.*)", re.IGNORECASE)
_CIDR: Final = re.compile(r"(.*?)(?:/(\d{1,3}))?(?://(\d{1,3}))?")
_MACRO: Final = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_\-])|(.?))", re.IGNORECASE)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class SpfTerm(Record):
    """A mechanism: what it gives if it matches, its kind, its domain or network, and its prefix lengths."""

    result: Result
    kind: str
    value: str = ""
    length4: int = 32
    length6: int = 128


class SpfRecord(Record):
    """A record: its mechanisms in order, and the domain that it goes on with (empty without one)."""

    terms: tuple[SpfTerm, ...]
    redirect: str = ""


class SpfVerdict(Record):
    """The result for an address, in which words, with which term; ``domains`` are those whose records were read, in order.

    ``last`` is what a record says of all addresses that it does not name, ``none`` if it says nothing.
    """

    result: Result
    words: str
    term: str = ""
    domains: tuple[str, ...] = ()
    lookups: int = 0
    last: Result = "none"


def is_spf(text: str) -> bool:
    """Tell whether a TXT record is one of SPF (section 4.5)."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def parse_spf(text: str) -> SpfRecord:
    """Return a record. Raises :class:`~confobjects.mail.domains.RecordError` with the first term that is wrong."""
    if not is_spf(text):
        raise RecordError('it does not begin with "v=spf1"')
    words = text.split(" ")[1:]
    if len(text) > _LONGEST or len(words) > _MOST_TERMS:
        raise RecordError("it is too long")
    terms, redirects = [], []
    for word in filter(None, words):
        if (found := _MECHANISM.fullmatch(word)) is not None:
            terms.append(_parse_mechanism(word, found))
        elif (modifier := _MODIFIER.fullmatch(word)) is not None:
            if modifier[1].lower() == "redirect":
                redirects.append(_require_domain(word, modifier[2]))
        else:
            raise RecordError(f'"{word[:60]}" is not a mechanism or modifier of SPF')
    if len(redirects) > 1:
        raise RecordError("it redirects twice")
    return SpfRecord(tuple(terms), redirects[0] if redirects else "")


def _parse_mechanism(word: str, found: re.Match[str]) -> SpfTerm:
    result, kind, rest = _QUALIFIERS[found[1] or "+"], found[2].lower(), found[3]
    if kind in {"ip4", "ip6"}:
        return SpfTerm(result, kind, _require_network(word, kind, rest.removeprefix(":")))
    if kind == "all":
        if rest:
            raise RecordError(f'"{word[:60]}" is not valid: all takes no value')
        return SpfTerm(result, kind)
    if kind not in {"a", "mx"}:
        value = rest.removeprefix(":")
        if kind == "ptr" and not rest:
            return SpfTerm(result, kind)
        if not rest.startswith(":"):
            raise RecordError(f'"{word[:60]}" is not valid: it needs a domain')
        return SpfTerm(result, kind, _require_domain(word, value))
    parts = _CIDR.fullmatch(rest)
    if parts is None or (parts[1] and not parts[1].startswith(":")):
        raise RecordError(f'"{word[:60]}" is not valid')
    domain, first, second = parts.groups()
    length4, length6 = int(first or 32), int(second or 128)
    if length4 > 32 or length6 > 128:
        raise RecordError(f'"{word[:60]}" has a prefix that is too long')
    value = _require_domain(word, domain[1:]) if domain else ""
    return SpfTerm(result, kind, value, length4, length6)


def _require_network(word: str, kind: str, text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise RecordError(f'"{word[:60]}" has no valid address') from None
    if network.version != int(kind[2]):
        raise RecordError(f'"{word[:60]}" has an address of the other kind')
    return str(network)


def _require_domain(word: str, text: str) -> str:
    if not text or not text.isascii() or not text.isprintable():
        raise RecordError(f'"{word[:60]}" has no valid domain')
    if any(macro[6] is not None for macro in _MACRO.finditer(text)):
        raise RecordError(f'"{word[:60]}" has a macro that is not known')
    return text


# -- judging -----------------------------------------------------------------------------------------------------------


def judge_address(address: str, sender: str, domain: str, resolve: Resolve) -> SpfVerdict:
    """Return whether a domain lets an address send (``check_host``, section 4). ``sender`` is the envelope sender."""
    return _Judging(ipaddress.ip_address(address), sender, resolve).judge(normal_domain(domain))


class _End(Exception):  # noqa: N818 - ends the judging, it is no error
    def __init__(self, result: Result, words: str) -> None:
        super().__init__(words)
        self.result: Result = result


def _find_last(record: SpfRecord) -> Result:
    """Return what a record says of all addresses that it does not name."""
    for term in record.terms:
        if term.kind == "all":
            return term.result
    return "none"


class _Judging:
    """The judging of one address, with the look-ups so far."""

    def __init__(self, address: Address, sender: str, resolve: Resolve) -> None:
        mapped = getattr(address, "ipv4_mapped", None)
        self.address: Address = address if mapped is None else mapped
        self.sender = sender
        self.resolve = resolve
        self.lookups = 0
        self.void = 0
        self.domains: list[str] = []

    def judge(self, domain: str) -> SpfVerdict:
        try:
            result, term, last = self._check(domain)
            words = f"the term {term} of the record gives {result}" if term else "no term of the record matches"
            if result == "none":
                words = f"{domain} has no SPF record"
        except _End as end:
            return SpfVerdict(end.result, str(end), "", tuple(self.domains), self.lookups)
        return SpfVerdict(result, words, term, tuple(self.domains), self.lookups, last)

    def _check(self, domain: str) -> tuple[Result, str, Result]:
        """Return the result for a domain, the term that gave it, and what holds for all other addresses."""
        record = self._read(domain)
        if record is None:
            return "none", "", "none"
        last = _find_last(record)
        for term in record.terms:
            if self._matches(term, domain):
                return term.result, f"{term.kind}:{term.value}" if term.value else term.kind, last
        if record.redirect:
            self._count(f"redirect={record.redirect}")
            result, found, last = self._check(self._expand(record.redirect, domain))
            if result == "none":
                raise _End("permerror", f"{record.redirect}, to which the record redirects, has no SPF record")
            return result, found, last
        return "neutral", "", last

    def _read(self, domain: str) -> SpfRecord | None:
        self.domains.append(domain)
        answer = self.resolve(domain, "TXT")
        if answer.status == "failed":
            raise _End("temperror", f"the SPF record of {domain} cannot be looked up: {answer.message}")
        found = [text for text in answer.records if is_spf(text)]
        if not found:
            return None
        if len(found) > 1:
            raise _End("permerror", f"{domain} has {len(found)} SPF records, and only one may be there")
        try:
            return parse_spf(found[0])
        except RecordError as error:
            raise _End("permerror", f"the SPF record of {domain} is wrong: {error}") from None

    def _matches(self, term: SpfTerm, domain: str) -> bool:
        if term.kind == "all":
            return True
        if term.kind in {"ip4", "ip6"}:
            return self.address in ipaddress.ip_network(term.value)
        self._count(f"{term.kind}:{term.value}" if term.value else term.kind)
        target = self._expand(term.value, domain) if term.value else domain
        if term.kind == "include":
            return self._is_included(target)
        if term.kind == "exists":
            return bool(self._look_up(target, "A"))
        if term.kind == "ptr":
            return any(self._is_in(term, host, counts=False) for host in self._find_own_names(target))
        hosts = self._look_up(target, "MX") if term.kind == "mx" else (target,)
        if len(hosts) > _MOST_NAMES:
            raise _End("permerror", f"{target} has more than {_MOST_NAMES} mail exchangers")
        return any(self._is_in(term, host, counts=term.kind == "a") for host in hosts)

    def _is_included(self, domain: str) -> bool:
        result, _, _ = self._check(domain)
        if result == "none":
            raise _End("permerror", f"{domain}, which the record includes, has no SPF record")
        return result == "pass"

    def _find_own_names(self, target: str) -> Iterator[str]:
        for name in self._look_up(self.address.reverse_pointer, "PTR")[:_MOST_NAMES]:
            if normal_domain(name) == target or normal_domain(name).endswith(f".{target}"):
                yield name

    def _is_in(self, term: SpfTerm, host: str, *, counts: bool) -> bool:
        kind: RecordType = "A" if self.address.version == 4 else "AAAA"
        length = term.length4 if self.address.version == 4 else term.length6
        for text in self._look_up(host, kind, counts=counts):
            try:
                if self.address in ipaddress.ip_network(f"{text}/{length}", strict=False):
                    return True
            except ValueError:
                continue
        return False

    def _count(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _End("permerror", f"the record causes more than {MOST_LOOKUPS} look-ups (at {term})")

    def _look_up(self, name: str, kind: RecordType, *, counts: bool = True) -> tuple[str, ...]:
        """Return the records of a name. ``counts`` says that a term of the record names it: few of them may be absent."""
        answer = self.resolve(normal_domain(name), kind)
        if answer.status == "failed":
            raise _End("temperror", f"{name} cannot be looked up: {answer.message}")
        if not answer.records and counts:
            self.void += 1
            if self.void > MOST_VOID:
                raise _End(
                    "permerror", f"the record leads to more than {MOST_VOID} names that do not exist (at {name})"
                )
        return answer.records

    def _expand(self, text: str, domain: str) -> str:
        """Return a domain with its macros expanded (section 7), shortened from the left to what the DNS can have."""
        name = _MACRO.sub(lambda found: self._expand_macro(found, domain), text)
        while len(name) > 253 and "." in name:
            name = name.partition(".")[2]
        return normal_domain(name)

    def _expand_macro(self, found: re.Match[str], domain: str) -> str:
        if found[5]:
            return {"%": "%", "_": " ", "-": "%20"}[found[5]]
        local, _, host = self.sender.rpartition("@")
        address = str(self.address) if self.address.version == 4 else ".".join(self.address.exploded.replace(":", ""))
        values = {
            "s": self.sender,
            "l": local or "postmaster",
            "o": host,
            "d": domain,
            "i": address,
            "p": "unknown",
            "h": host,
            "v": "in-addr" if self.address.version == 4 else "ip6",
        }
        parts = re.split(f"[{re.escape(found[4] or '.')}]", values.get(found[1].lower(), "unknown"))
        parts = parts[::-1] if found[3] else parts
        return ".".join(parts[-int(found[2]) :] if found[2] and int(found[2]) else parts)
