"""The authorities that the operating system trusts, as OpenSSL finds them."""

from __future__ import annotations

import os
import re
import ssl

from confobjects.tls.forking import OPENSSL


def make_client_context() -> ssl.SSLContext:
    """Return a context of a client that trusts nobody yet."""
    with OPENSSL:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def load_authorities(context: ssl.SSLContext) -> None:
    """Let a context trust the authorities of the system."""
    with OPENSSL:
        context.load_default_certs()


def read_system_state() -> str:
    """Return a text that changes when the system's store changes: its paths and their modification times."""
    paths = ssl.get_default_verify_paths()
    found = []
    for path in (paths.cafile, paths.capath):
        try:
            found.append(f"{path} {os.stat(path or '').st_mtime_ns}")
        except OSError:
            found.append(f"{path} missing")
    return "; ".join(found)


def has_system_authorities() -> bool:
    """Tell whether the system trusts any authority. This takes 40 ms."""
    context = make_client_context()
    load_authorities(context)
    if context.cert_store_stats()["x509_ca"]:
        return True
    # OpenSSL reads a file of a directory with hashed names only when it needs that file.
    directory = ssl.get_default_verify_paths().capath
    return os.path.isdir(directory or "") and any(
        re.fullmatch(r"[0-9a-f]{8}\.\d+", name) for name in os.listdir(directory)
    )
