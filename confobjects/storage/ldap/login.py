"""How to log in to a directory and how to secure the connection, as records."""

from __future__ import annotations

from confobjects.records import Record, field


class Tls(Record):
    """The options of TLS. ``trust_store`` is a file of trusted certificates in any format of
    :data:`~confobjects.tls.stores.FORMATS`. ``key_store`` is a PEM or PKCS #12 file with the client's certificate
    and key.
    """

    trust_all: bool = False
    trust_store: str | None = None
    trust_store_password: str = field(default="", repr=False)
    key_store: str | None = None
    key_store_password: str = field(default="", repr=False)


class LdapLogin(Record):
    """Who logs in and how, and how the connection is secured. ``mechanism`` is "anonymous", "simple" or "external"."""

    mechanism: str = "anonymous"
    bind_dn: str = ""
    password: str = field(default="", repr=False)
    start_tls: bool = False
    tls: Tls = Tls()
    allow_clear_password: bool = False
