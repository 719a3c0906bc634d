"""The public test doubles do what the real things do."""

from __future__ import annotations

import pytest

from confobjects.errors import ConstraintError, ExpressionError
from confobjects.syntaxes import HostPort
from confobjects.testing import configuration, context

ONE = {"enabled": True, "smtp-server": "&{smtp.host}:&{smtp.port|25}"}


def test_a_configuration_from_a_dictionary() -> None:
    config = configuration({("mail-server", "one"): ONE}, values={"smtp.host": "mx.example.com"})
    server = config["mail-server", "one"]
    assert server["smtp-server"] == HostPort("mx.example.com", 25)
    assert server.origin("smtp-server") == "the dictionary's smtp.host, default in the expression"


def test_it_is_judged_like_any_other() -> None:
    with pytest.raises(ExpressionError, match="looked in: the dictionary"):
        configuration({("mail-server", "one"): ONE})
    with pytest.raises(ConstraintError):
        configuration({("mail-server", "one"): {**ONE, "use-ssl": True}})


def test_types_and_references() -> None:
    config = configuration(
        {
            ("trust-manager-provider", "ca"): {"type": "pem", "enabled": True, "pem-directory": "certs"},
            ("mail-server", "one"): {"enabled": True, "smtp-server": "mx", "trust-manager-provider": "CA"},
        }
    )
    provider = config["mail-server", "one"].reference("trust-manager-provider")
    assert provider is not None
    assert provider.type == "pem-trust-manager-provider"
    assert provider["pem-directory"] == "certs"


def test_a_context_can_be_changed_further() -> None:
    with context({("mail-server", "one"): {**ONE, "enabled": False}}) as ctx:
        with ctx.change() as tx:
            tx.set("mail-server", "one", {"enabled": True, "auth-username": "someone"})
        assert tx.report.changed
        assert [w.property for w in tx.report.warnings] == ["auth-password"]
