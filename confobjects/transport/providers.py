"""What trust manager providers trust. One loader per type in :data:`LOADERS`.

Law: a store that is missing, wrong or empty is an error with its path, before any connection is made. With an empty set
of authorities every server would be refused without a clear reason.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

from confobjects.actions import RemedyAction
from confobjects.definitions.allowance import ALLOW_CODE_VARIABLE
from confobjects.diagnostics import MASK, find_nearest
from confobjects.errors import ConfobjectsError
from confobjects.mail.diagnosis import TrustError
from confobjects.mail.plan import TlsSettings, TrustSource
from confobjects.records import Record
from confobjects.texts.patterns import Pattern
from confobjects.texts.visible import make_visible
from confobjects.tls.authorities import has_system_authorities, read_system_state
from confobjects.tls.contexts import Recipe, run_apart
from confobjects.tls.stores import StoreProblem, read_store_file
from confobjects.transport.code import CodeProblem, check_file, load_module
from confobjects.transport.store_errors import TRUST_STORE, error_for_store, error_for_unreadable, trust_error_for


class Material(Record):
    """What a provider trusts: certificates (DER), or any certificate (``blind``), or the system's store (``system``).

    ``places`` says where each certificate came from, for messages. ``context`` is made by the class of a custom
    provider. ``state`` is a text that changes with the system's store or with the source of ``context``.
    """

    certificates: tuple[bytes, ...] = ()
    blind: bool = False
    system: bool = False
    places: tuple[str, ...] = ()
    context: ssl.SSLContext | None = None
    state: str = ""

    def make_recipe(self, settings: TlsSettings) -> Recipe:
        """Return the recipe of the context for some settings."""
        return Recipe(
            self.certificates,
            system=self.system,
            blind=self.blind,
            check_name=settings.check_name,
            versions=settings.versions,
            suites=settings.suites,
            own=self.context,
            state=self.state,
        )


# -- loaders -----------------------------------------------------------------------------------------------------------


def _resolve_path(source: TrustSource, path: str) -> str:
    return os.path.join(source.instance_directory, path)


def load_blind(source: TrustSource) -> Material:
    """Trust any certificate."""
    del source
    return Material(blind=True)


def load_store_file(source: TrustSource) -> Material:
    """Trust the certificates of one store file."""
    path = _resolve_path(source, source.get("trust-store-file"))
    try:
        found = read_store_file(path, source.get("trust-store-type") or "", source.get("trust-store-pin") or "")
    except OSError as error:
        raise error_for_unreadable(source, TRUST_STORE, path, error) from None
    except StoreProblem as problem:
        raise error_for_store(source, TRUST_STORE, path, problem) from None
    return Material(found, places=(path,) * len(found))


def load_seen(source: TrustSource) -> Material:
    """Trust certificates that are at hand: those that a server has shown, before they are kept anywhere."""
    found = tuple(source.get("certificates"))
    return Material(found, places=(source.path,) * len(found))


def load_pem_directory(source: TrustSource) -> Material:
    """Trust the first certificate of each file in a directory."""
    directory = _resolve_path(source, source.get("pem-directory"))
    excluded = source.get("excluded-filename-pattern")
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.is_file())
        pattern = Pattern(excluded) if excluded else None
    except OSError as error:
        raise error_for_unreadable(source, TRUST_STORE, directory, error, "pem-directory") from None
    except ValueError as error:
        raise trust_error_for(
            source,
            f"the pattern is not a regular expression: {error}",
            "Correct the pattern.",
            "excluded-filename-pattern",
        ) from None
    wanted = [name for name in names if pattern is None or not pattern.matches(name)]
    found = list(_first_certificates(source, directory, wanted))
    if not found:
        raise trust_error_for(
            source,
            f"no file in {directory} contains a certificate: nothing would be trusted",
            "Put PEM files with the certificates to trust into the directory.",
            "pem-directory",
            "trust-store-empty",
        )
    return Material(tuple(one for _, one in found), places=tuple(path for path, _ in found))


def _first_certificates(source: TrustSource, directory: str, names: list[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        path = os.path.join(directory, name)
        try:
            yield path, read_store_file(path)[0]
        except FileNotFoundError:
            continue  # it was removed after the directory was listed
        except OSError as error:
            raise error_for_unreadable(source, TRUST_STORE, path, error, "pem-directory") from None
        except StoreProblem:
            continue  # a key, a README: only files with a certificate count


def load_system(source: TrustSource) -> Material:
    """Trust the authorities of the operating system, or the bundled ones."""
    if source.get("source") == "bundled":
        return _load_bundled(source)
    state = read_system_state()
    if state not in _SYSTEM_FOUND:
        if not has_system_authorities():
            raise trust_error_for(
                source,
                "the operating system trusts no authority: every server would be refused",
                (
                    "Install its certificates (Debian: apt-get install ca-certificates), or use a system trust manager "
                    "provider and set ",
                    RemedyAction("assign", "source", "bundled"),
                    ".",
                ),
                "trust-manager-provider" if source.type == "runtime" else "source",
                "trust-store-empty",
            )
        _SYSTEM_FOUND.add(state)
    return Material(system=True, state=state)


_SYSTEM_FOUND: Final[set[str]] = set()
"""States in which the system's store has authorities. They are kept because the check takes 40 ms."""


def _load_bundled(source: TrustSource) -> Material:
    try:
        import certifi
    except ImportError:
        raise trust_error_for(
            source,
            "the bundled set of authorities is not installed",
            ('Install it (pip install "confobjects[bundled]"), or set ', RemedyAction("assign", "source", "os"), "."),
            "source",
        ) from None
    path = certifi.where()
    found = read_store_file(path, "PEM")
    return Material(found, places=(path,) * len(found))


def load_ldap_entries(source: TrustSource) -> Material:
    """Trust the certificates held in entries of the configuration's own storage."""
    base = source.get("base-dn")
    if source.entries is None:
        raise trust_error_for(
            source,
            "the entries of the configuration's storage cannot be read by this program",
            "Use another type of trust manager provider.",
            "base-dn",
        )
    try:
        entries = list(source.entries(str(base)))
    except ConfobjectsError as error:
        summary = f"the entries below {base} cannot be read: {error.diagnostics[0].summary}"
        raise trust_error_for(
            source, summary, "Make the storage readable.", "base-dn", "trust-store-unreadable"
        ) from None
    values = (v for entry in entries for attribute in _CERTIFICATE_ATTRIBUTES for v in entry.get(attribute) or ())
    found = tuple(dict.fromkeys(value for value in values if isinstance(value, bytes)))
    if not found:
        raise trust_error_for(
            source,
            f"no entry below {base} contains a certificate: nothing would be trusted",
            f"Add entries with {_CERTIFICATE_ATTRIBUTES[0]}, or correct base-dn.",
            "base-dn",
            "trust-store-empty",
        )
    return Material(found, places=(str(base),) * len(found))


_CERTIFICATE_ATTRIBUTES: Final = ("ds-keystore-certificate;binary", "cACertificate;binary", "userCertificate;binary")


def load_pkcs11_tokens(source: TrustSource) -> Material:
    """Trust the certificates on a PKCS #11 token."""
    try:
        library: Any = import_module("pkcs11")  # an optional extra
        import_module("pkcs11.exceptions")
    except ImportError:
        raise trust_error_for(
            source,
            "tokens cannot be read: the Python package for PKCS #11 is not installed",
            'Install it: pip install "confobjects[pkcs11]".',
            "pkcs11-provider-arg",
        ) from None
    module = source.get("pkcs11-provider-arg")
    if not module:
        raise trust_error_for(
            source, "no PKCS #11 module is named", "Set pkcs11-provider-arg to the path of one.", "pkcs11-provider-arg"
        )
    _require_allowed(source, module, "pkcs11-provider-arg")
    try:
        path = _check_library(source, module)
        found = run_apart(lambda: tuple(_token_certificates(library, path, source.get("trust-store-pin"))))
    except library.exceptions.PinIncorrect:
        raise trust_error_for(
            source, "the pin of the token is wrong", "Correct trust-store-pin.", "trust-store-pin", "trust-store-pin"
        ) from None
    except (library.exceptions.PKCS11Error, RuntimeError) as error:
        words = str(error) or type(error).__name__
        raise trust_error_for(
            source, f"the token cannot be read through {module}: {words}", "Check the module.", "pkcs11-provider-arg"
        ) from None
    if not found:
        raise trust_error_for(
            source,
            "the token contains no certificate",
            "Put the certificates to trust on it.",
            "pkcs11-provider-arg",
            "trust-store-empty",
        )
    return Material(found, places=(module,) * len(found))


def _check_library(source: TrustSource, module: str) -> str:
    """Return the real path of a library that may be loaded."""
    if not os.path.isabs(module):
        summary = f"{module} is searched in the directories of the system's loader"
        raise trust_error_for(source, summary, "Give the whole path of the module.", "pkcs11-provider-arg")
    try:
        return check_file(module)
    except OSError as error:
        summary = f"the token cannot be read through {module}: {error.strerror}"
        raise trust_error_for(source, summary, "Check the module.", "pkcs11-provider-arg") from None
    except CodeProblem as problem:
        summary = f"the module {module} is not loaded: {problem}"
        raise trust_error_for(source, summary, problem.advice, "pkcs11-provider-arg") from None


def _require_allowed(source: TrustSource, module: str, name: str) -> None:
    """Refuse code that a directory server names, unless the process allows its type or its module."""
    if source.allowed is None or source.type in source.allowed.types or source.allowed.has_module(module):
        return
    raise trust_error_for(
        source,
        f"{module} is not loaded: a configuration in a directory server loads no code by itself",
        f"Allow it to this process: {ALLOW_CODE_VARIABLE}=module:{module} (or type:{source.type}).",
        name,
    )


def _token_certificates(library: Any, module: str, pin: str | None) -> Iterator[bytes]:
    query = {library.Attribute.CLASS: library.ObjectClass.CERTIFICATE}
    for slot in library.lib(module).get_slots(token_present=True):
        token = slot.get_token()
        if library.TokenFlag.TOKEN_INITIALIZED not in token.flags:
            continue
        with token.open(user_pin=pin) as session:
            yield from (bytes(one[library.Attribute.VALUE]) for one in session.get_objects(query))


def load_custom(source: TrustSource) -> Material:
    """Trust what an importable class decides. An instance is called without arguments and returns an SSLContext.

    The class gets the provider's values as keyword argument ``values``. Its context is limited to TLS 1.2 and later.
    The class alone decides what its context verifies.
    """
    path = str(source.get("provider-class"))
    module, colon, name = path.partition(":")
    if not colon:
        raise _error_for_class(source, "cannot be used: a module, a colon and a class are expected")
    _require_allowed(source, module, "provider-class")
    try:
        made = getattr(load_module(module), name)(values=dict(source.values))
        context, state = made(), _class_state(source, path, getattr(made, "version", ""))
    except CodeProblem as problem:
        raise _error_for_class(source, f"is not loaded: {problem}", problem.advice) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - other code may raise anything
        raise _error_for_class(source, f"cannot be used: {_describe_error(source, error)}") from None
    if not isinstance(context, ssl.SSLContext):
        raise _error_for_class(source, "does not return an ssl.SSLContext", "Correct the class.")
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        raise _error_for_class(source, "returns an ssl.SSLContext for servers", "Make it with ssl.PROTOCOL_TLS_CLIENT.")
    return Material(context=context, state=state)


def _class_state(source: TrustSource, path: str, version: Any) -> str:
    """Return a text that identifies the context of a class: the class, its values, and its version."""
    secrets = sha256(repr(sorted(source.secrets.items())).encode("utf-8", "surrogatepass")).hexdigest()
    return repr((path, sorted(source.values.items()), secrets, str(version)))


def _error_for_class(
    source: TrustSource, reason: str, advice: str = "Correct provider-class (package.module:Class)."
) -> TrustError:
    return trust_error_for(source, f"the class {source.get('provider-class')} {reason}", advice, "provider-class")


_MOST_WORDS: Final = 300


def _describe_error(source: TrustSource, error: BaseException) -> str:
    """Return the class and the text of an error in other code, on one line and without the provider's secrets."""
    text = str(error)
    for value in sorted(map(str, filter(None, source.secrets.values())), key=len, reverse=True):
        text = text.replace(value, MASK)
    text = make_visible(text)
    text = text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


LOADERS: Final[dict[str, Callable[[TrustSource], Material]]] = {
    "runtime": load_system,
    "seen": load_seen,
    "blind-trust-manager-provider": load_blind,
    "file-based-trust-manager-provider": load_store_file,
    "pem-trust-manager-provider": load_pem_directory,
    "system-trust-manager-provider": load_system,
    "ldap-trust-manager-provider": load_ldap_entries,
    "pkcs11-trust-manager-provider": load_pkcs11_tokens,
    "custom-trust-manager-provider": load_custom,
}
"""Type of trust manager provider -> its loader. ``runtime`` is the type if no provider is named, ``seen`` if one is tried."""


def load_material(source: TrustSource) -> Material:
    """Return what a provider trusts now. Raises :class:`~confobjects.errors.MailError` of stage trust."""
    loader = LOADERS.get(source.type)
    if loader is None:
        near = find_nearest(source.type, LOADERS)
        raise trust_error_for(
            source,
            f"trust manager providers of type {source.type} cannot be used for mail",
            f'did you mean "{near}"?' if near else f"Use one of: {', '.join(LOADERS)}.",
            "trust-manager-provider",
        )
    return loader(source)
