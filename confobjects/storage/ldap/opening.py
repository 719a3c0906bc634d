"""Opening a storage from the URLs of its servers and the connection options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.storage.ldap.address import Directory, parse
from confobjects.storage.ldap.login import LdapLogin, Tls
from confobjects.storage.ldap.store import LdapStorage

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Storage


def open_url(  # noqa: PLR0913 - each is a command line option, passed by keyword
    url: str,
    *,
    missing_ok: bool = True,
    base: DN | None = None,
    bind_dn: str = "",
    bind_password: str = "",
    mechanism: str = "",
    start_tls: bool = False,
    trust_all: bool = False,
    trust_store: str | None = None,
    trust_store_password: str = "",
    key_store: str | None = None,
    key_store_password: str = "",
    allow_clear_password: bool = False,
    connect_timeout: float = 10.0,
    deadline: float = 10.0,
    history: int = 1000,
    server_schema: bool = False,
    state_url: str = "",
) -> LdapStorage:
    """Return the storage for one or more LDAP URLs, separated by blanks and tried in order.

    ``mechanism`` is "anonymous", "simple" or "external". Without it, a ``bind_dn`` means simple, and a socket
    (``ldapi``) or a client certificate means external. ``trust_store`` is a PEM, PKCS #12, JKS, JCEKS or BCFKS file,
    ``key_store`` a PEM, PKCS #12, JKS or BCFKS file. ``history`` is the number of changes that the directory's history keeps.

    What lies at ``cn=config``, or below it, is the configuration of the server itself, and so it is with
    ``server_schema``: nothing of ours is kept there. The history and all else then lie in the storage at
    ``state_url``, which is logged in to alike; without it, in a file of this user for this server.
    Raises :class:`~confobjects.errors.UsageError`.
    """
    directory = parse(url)
    schemes = {address.scheme for address in directory.addresses}
    if not mechanism:
        outside = schemes == {"ldapi"} or key_store
        mechanism = "simple" if bind_dn or bind_password else "external" if outside else "anonymous"
    _check_login(mechanism, bind_dn, bind_password, start_tls, schemes)
    tls = Tls(trust_all, trust_store, trust_store_password, key_store, key_store_password)
    login = LdapLogin(mechanism, bind_dn, bind_password, start_tls, tls, allow_clear_password)
    chosen = base or directory.base
    is_foreign = server_schema or chosen is None or chosen == _CONFIGURATION or chosen.is_below(_CONFIGURATION)
    storage = (_find_foreign() if is_foreign else LdapStorage)(
        directory,
        login,
        base=base,
        missing_ok=missing_ok,
        connect_timeout=connect_timeout,
        deadline=deadline,
        history=history,
    )
    if is_foreign:
        _give_state(storage, directory, state_url, login)
    return storage


_CONFIGURATION: Final = DN.of(("cn", "config"))
"""Where servers keep their own configuration. Only such a server may tell a base, if none is given."""


def _find_foreign() -> type[LdapStorage]:
    from confobjects.storage.ldap.foreign import ForeignStorage

    return ForeignStorage


def _give_state(storage: Any, directory: Directory, state_url: str, login: LdapLogin) -> None:
    def open_state(base: DN) -> Storage:
        from confobjects.storage.ldap.places import open_state_of

        return open_state_of(directory, base, state_url, login)

    storage.keep_state_in(open_state)


def _check_login(mechanism: str, bind_dn: str, password: str, start_tls: bool, schemes: set[str]) -> None:
    problem: tuple[str, Remedy] | None = None
    if mechanism not in ("anonymous", "simple", "external"):
        problem = (f'"{mechanism}" is not a login mechanism', "use simple, external or anonymous")
    elif mechanism == "simple" and not bind_dn:
        remedy = ("give the DN of the user as well (", RemedyAction("give-bind-dn"), ")")
        problem = ("a password is given, but no DN to log in as", remedy)
    elif mechanism == "simple" and not password:
        # A server treats a DN without a password as an anonymous login (RFC 4513 section 5.1.2).
        remedy = ("give the password as well (", RemedyAction("give-bind-password"), ")")
        problem = ("a DN to log in as is given, but no password", remedy)
    elif start_tls and schemes != {"ldap"}:
        other = "ldapi" if "ldapi" in schemes else "ldaps"
        problem = (
            f"StartTLS works only with ldap:// URLs, but one URL starts with {other}://",
            ("leave out ", RemedyAction("use-starttls")),
        )
    if problem is not None:
        raise UsageError(Diagnostic("usage", problem[0], remedy=problem[1]))
    if bind_dn:
        try:
            DN.parse(bind_dn)
        except ValueError as error:
            raise UsageError(Diagnostic("usage", f'"{bind_dn}" is not a valid DN to log in as: {error}')) from None
