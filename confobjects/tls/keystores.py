"""Key stores: their bytes in, one private key with its certificates out. One reader per format in :data:`KEY_FORMATS`.

PKCS #12 is RFC 7292, a private key in PEM RFC 7468; JKS is the format of the Java runtime, which protects a key as
``sun.security.provider.KeyProtector`` does; BCFKS is that of Bouncy Castle (``org.bouncycastle.asn1.bc``).

Laws:

1. Of several keys none is chosen silently: the alias says which.
2. A key without a certificate that fits it is a problem, so is a certificate without a key. Nothing is loaded half.
3. No message contains a password or a part of a key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from confobjects import inputs
from confobjects.records import Record, field
from confobjects.texts.visible import make_visible
from confobjects.tls import der
from confobjects.tls.forking import hold_while_forking
from confobjects.tls.stores import (
    JavaStream,
    StoreProblem,
    damage_problem,
    decrypt_bcfks,
    detect_type,
    open_pkcs12,
    password_problem,
    read_bcfks_entries,
    read_java_certificate,
    read_pem,
    require_few_rounds,
    require_java_digest,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


class OwnKey(Record):
    """A private key (PKCS #8, DER) and its certificates (DER): its own first, then those that its issuers have."""

    key: bytes = field(repr=False)
    chain: tuple[bytes, ...]

    @property
    def contents(self) -> tuple[bytes, ...]:
        """All that counts of it; it holds the key."""
        return self.key, *self.chain


class KeyEntry(Record):
    """A key in a store, still protected: its alias, how to open it, and the certificates that the store has for it."""

    alias: str
    open: Callable[[], Any] = field(compare=False)
    chain: tuple[bytes, ...] = ()


_PEM_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_MOST_KEYS: Final = 100
_FEW, _LONGEST = 20, 100
"""How many aliases a message lists, and how many characters of each."""


def _read_pem_keys(data: bytes, password: str) -> list[KeyEntry]:
    """Return the keys of a PEM text. All its certificates belong to each of them; it has no aliases."""
    chain = read_pem(data, "")
    found = [(match[1], match[0]) for match in _PEM_BLOCK.finditer(data)]
    if not found and b"PRIVATE KEY-----" in data:
        raise damage_problem()
    return [KeyEntry("", _pem_opener(label, block, password), chain) for label, block in found]


def _pem_opener(label: bytes, block: bytes, password: str) -> Callable[[], Any]:
    def open_() -> Any:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if label == b"ENCRYPTED PRIVATE KEY":
            body = block.partition(b"-----\n")[2] or block.partition(b"-----\r\n")[2]
            with suppress(ValueError):
                require_few_rounds(base64.b64decode(b"".join(body.rpartition(b"-----END")[0].split())))
        encrypted = label == b"ENCRYPTED PRIVATE KEY" or b"ENCRYPTED" in block[:200]
        return _load(load_pem_private_key, block, password if encrypted else "", encrypted=encrypted)

    return open_


def _load(load: Callable[..., Any], data: bytes, password: str, *, encrypted: bool) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(data, password.encode() if encrypted and password else None)
    except TypeError:
        raise password_problem("") from None
    except ValueError:
        raise (password_problem(password) if encrypted else damage_problem()) from None
    except UnsupportedAlgorithm:
        message = "its key is of a kind, or encrypted in a way, that is not known"
        raise StoreProblem("damaged", message, "Export the key again.") from None


# -- PKCS #12 ----------------------------------------------------------------------------------------------------------

_DATA: Final = "1.2.840.113549.1.7.1"
_KEY_BAGS: Final = {"1.2.840.113549.1.12.10.1.1": False, "1.2.840.113549.1.12.10.1.2": True}
"""The bags of keys (RFC 7292, section 4.2), and whether the key in them is encrypted."""
_FRIENDLY_NAME: Final = "1.2.840.113549.1.9.20"
_SAFE_DEPTH: Final = 3


def _read_pkcs12_keys(data: bytes, password: str) -> list[KeyEntry]:
    loaded = open_pkcs12(data, password)
    if loaded is None:
        raise password_problem(password)
    from cryptography.hazmat.primitives.serialization import Encoding

    every = [one for one in (loaded.cert, *loaded.additional_certs) if one is not None]
    chain = tuple(one.certificate.public_bytes(Encoding.DER) for one in every)
    bags = list(_find_key_bags(data))
    if len(bags) > 1:
        return [KeyEntry(alias, _bag_opener(bag, password, encrypted), chain) for alias, bag, encrypted in bags]
    if loaded.key is None:
        return []
    name = loaded.cert.friendly_name if loaded.cert is not None else None
    alias = (name or b"").decode("utf-8", "replace") or (bags[0][0] if bags else "")
    return [KeyEntry(alias, lambda: loaded.key, chain)]


def _bag_opener(bag: bytes, password: str, encrypted: bool) -> Callable[[], Any]:
    def open_() -> Any:
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        return _load(load_der_private_key, bag, password, encrypted=encrypted)

    return open_


def _find_key_bags(data: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """Yield the keys of a store that stand beside what is encrypted as a whole: alias, PKCS #8, and whether it is encrypted."""
    with suppress(ValueError, IndexError):
        contents = der.read_element(data).children[1].children[1].children[0].content
        for info in der.read_element(contents).children:
            if info.children[0].oid == _DATA:
                yield from _find_bags(der.read_element(info.children[1].children[0].content))


def _find_bags(safe: der.Element) -> Iterator[tuple[str, bytes, bool]]:
    for bag in safe.children[:_MOST_KEYS]:
        kind, value, *attributes = bag.children
        if kind.oid in _KEY_BAGS:
            yield _find_alias(attributes), value.children[0].whole, _KEY_BAGS[kind.oid]


def _find_alias(attributes: Iterable[der.Element]) -> str:
    for one in (attribute for several in attributes for attribute in several.children):
        name, values = one.children
        if name.oid == _FRIENDLY_NAME:
            return values.children[0].content.decode("utf-16-be", "replace")
    return ""


# -- JKS ---------------------------------------------------------------------------------------------------------------

_KEY, _CERTIFICATE = 1, 2
_SHA1: Final = 20


def _read_jks_keys(data: bytes, password: str) -> list[KeyEntry]:
    require_java_digest(data, password)
    stream = JavaStream(data[:-_SHA1])
    stream.read_number()
    version, count = stream.read_number(), stream.read_number()
    return [entry for _ in range(count) if (entry := _read_jks_entry(stream, version, password)) is not None]


def _read_jks_entry(stream: JavaStream, version: int, password: str) -> KeyEntry | None:
    kind = stream.read_number()
    alias = stream.read_text().decode("utf-8", "replace")
    stream.read_bytes(8)  # the date
    if kind == _CERTIFICATE:
        read_java_certificate(stream, version)
        return None
    if kind != _KEY:
        raise damage_problem()
    protected = stream.read_bytes(stream.read_number())
    chain = tuple(read_java_certificate(stream, version) for _ in range(stream.read_number()))
    return KeyEntry(alias, lambda: _open_jks_key(protected, password), chain)


def _open_jks_key(protected: bytes, password: str) -> Any:
    """Return a key that Java's KeyProtector encrypted: XOR with a chain of SHA-1 digests of the password, and a check."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if not password:
        raise password_problem("")
    try:
        _, secret = der.read_element(protected).children
    except ValueError:
        raise damage_problem() from None
    salt, body, check = secret.content[:_SHA1], secret.content[_SHA1:-_SHA1], secret.content[-_SHA1:]
    word, plain = password.encode("utf-16-be"), bytearray()
    digest = salt
    for at in range(0, len(body), _SHA1):
        digest = hashlib.sha1(word + digest).digest()  # noqa: S324 - its format
        plain += bytes(a ^ b for a, b in zip(body[at : at + _SHA1], digest, strict=False))
    if not hmac.compare_digest(hashlib.sha1(word + plain).digest(), check):  # noqa: S324 - its format
        raise password_problem(password)
    return _load(load_der_private_key, bytes(plain), "", encrypted=False)


# -- BCFKS -------------------------------------------------------------------------------------------------------------

_PRIVATE_KEY: Final = 1


def _read_bcfks_keys(data: bytes, password: str) -> list[KeyEntry]:
    return [
        one for entry in read_bcfks_entries(data, password)[:_MOST_KEYS] for one in _read_bcfks_key(entry, password)
    ]


def _read_bcfks_key(entry: der.Element, password: str) -> Iterator[KeyEntry]:
    """Yield the key of an entry, if it has one: with the certificates that Bouncy Castle keeps beside it."""
    try:
        kind, alias, _, _, content, *_ = entry.children
        if kind.integer == _PRIVATE_KEY:
            protected, chain = der.read_element(content.content).children
            certificates = tuple(one.whole for one in chain.children)
            name = alias.content.decode("utf-8", "replace")
            yield KeyEntry(name, lambda: _open_bcfks_key(protected, password), certificates)
    except (ValueError, IndexError):
        raise damage_problem() from None


def _open_bcfks_key(protected: der.Element, password: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        plain = decrypt_bcfks(protected, password, "PRIVATE_KEY_ENCRYPTION")
    except (ValueError, IndexError, KeyError):
        raise damage_problem() from None
    return _load(load_der_private_key, plain, "", encrypted=False)


# -- the table ---------------------------------------------------------------------------------------------------------

KEY_FORMATS: Final[Mapping[str, Callable[[bytes, str], list[KeyEntry]]]] = {
    "PKCS12": _read_pkcs12_keys,
    "JKS": _read_jks_keys,
    "BCFKS": _read_bcfks_keys,
    "PEM": _read_pem_keys,
}
"""Type -> reader. It takes bytes and password, returns the keys, and raises :class:`~confobjects.tls.stores.StoreProblem`."""


def open_key_store(data: bytes, kind: str, password: str, alias: str = "") -> OwnKey:
    """Return the key of a store, with its certificates. Without ``kind`` the bytes show the type.

    ``alias`` chooses one of several keys; it ignores case, as in Java. Raises StoreProblem.
    """
    found = detect_type(data)
    if not data:
        raise StoreProblem("empty", "it is empty", _PUT_KEY)
    if found not in KEY_FORMATS:
        names = ", ".join(KEY_FORMATS)
        raise StoreProblem(
            "damaged", "it is damaged, or it is not a key store of a known format", f"Use one of: {names}."
        )
    if kind and kind != found:
        raise StoreProblem("wrong-type", f"it is {found}, not {kind}", f"Give {found} as its type.", found)
    entries = KEY_FORMATS[found](data, password)
    if not entries:
        raise StoreProblem("no-key", "it contains no private key", _PUT_KEY)
    entry = _choose(entries, alias)
    return _fit(entry.open(), entry.chain)


_PUT_KEY: Final = "Put the private key and its certificate into it."


def _choose(entries: list[KeyEntry], alias: str) -> KeyEntry:
    named = [entry for entry in entries if entry.alias.lower() == alias.lower()] if alias else entries
    if len(named) == 1:
        return named[0]
    names = ", ".join(
        make_visible(name[:_LONGEST]) for name in sorted(filter(None, (one.alias for one in entries)))[:_FEW]
    )
    if not named:
        there = f"its keys are {names}" if names else "its keys have no aliases"
        raise StoreProblem(
            "alias", f'it has no key with the alias "{make_visible(alias)}": {there}', "Correct the alias."
        )
    what = f"it contains several keys{f': {names}' if names else ''}"
    raise StoreProblem("alias", what, "Choose one of them by its alias." if names else "Keep one key in it.")


def _fit(key: PrivateKeyTypes, certificates: tuple[bytes, ...]) -> OwnKey:
    """Return a key with the certificate that fits it first. Raises StoreProblem if none does."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    if not certificates:
        raise StoreProblem("no-certificate", "it contains a key without a certificate", _PUT_KEY)
    wanted = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for certificate in certificates:
        try:
            own = load_der_x509_certificate(certificate).public_key()
            fits = own.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == wanted
        except Exception:  # noqa: BLE001 - the library has many errors for what it cannot read
            raise StoreProblem("damaged", "a certificate in it is damaged", "Export the certificate again.") from None
        if fits:
            others = tuple(dict.fromkeys(one for one in certificates if one != certificate))
            plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            return OwnKey(plain, (certificate, *_order_chain(certificate, others)))
    raise StoreProblem(
        "mismatch", "its private key does not fit its certificate", "Put the two that belong together into it."
    )


def _order_chain(certificate: bytes, others: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield the certificates of the issuers, each after the one that it has issued; others belong to other keys."""
    from cryptography.x509 import load_der_x509_certificate

    waiting = {one: load_der_x509_certificate(one) for one in others}
    last = load_der_x509_certificate(certificate)
    while (found := next((der_ for der_, one in waiting.items() if one.subject == last.issuer), None)) is not None:
        last = waiting.pop(found)
        yield found


# -- files -------------------------------------------------------------------------------------------------------------


class _KeyCache:
    """Keys of files. A file is read again if its path, inode, size, rights or modification time has changed."""

    def __init__(self) -> None:
        self._lock = hold_while_forking(threading.Lock())
        self._kept: dict[tuple[str, str, str, str], tuple[tuple[int, ...], OwnKey]] = {}

    def read(self, path: str, kind: str, password: str, alias: str) -> OwnKey:
        status = os.stat(path)
        inputs.require_regular(status, path)
        key = (path, kind, hashlib.sha256(password.encode()).hexdigest(), alias)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[0] == _state_of(status):
            return kept[1]
        data, status = inputs.read_regular(path, inputs.MEDIUM)
        if status.st_mode & _OTHERS:
            message = "every user of this machine may read or change it"
            raise StoreProblem("exposed", message, "Take the rights on the file away from other users (mode 0600).")
        own = open_key_store(data, kind, password, alias)
        with self._lock:
            if len(self._kept) >= _MOST_KEYS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (_state_of(status), own)
        return own


_OTHERS: Final = 0o006
"""The rights of a file that let everybody read or change it."""


def _state_of(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode


_FILES: Final = _KeyCache()


def read_key_store(path: str, kind: str = "", password: str = "", alias: str = "") -> OwnKey:
    """Return the key of a store in a file, as :func:`open_key_store` does. An unchanged file is not read a second time.

    A file that every user may read is a problem. Raises OSError and StoreProblem.
    """
    return _FILES.read(path, kind, password, alias)
