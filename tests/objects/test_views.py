"""Views: what a function works out from the effective values of an object."""

from __future__ import annotations

import pytest

from confobjects.definitions import View
from confobjects.definitions.allowance import AllowedCode
from confobjects.errors import DefinitionError
from confobjects.objects.effective import EffectiveObject, _run_view
from confobjects.testing import configuration


def server(**values: object) -> EffectiveObject:
    given = {"enabled": True, "smtp-server": "h.example.com", **{k.replace("_", "-"): v for k, v in values.items()}}
    return configuration({("mail-server", "one"): given}, values={"pw": "canary-1"})["mail-server", "one"]


def test_a_view_has_rows_with_origins() -> None:
    (view,) = server(smtp_property=["mail.smtp.port=2525", "mail.smtp.proxy.password=&{pw}"]).views()
    rows = {name: (value, origin) for name, value, origin in view.rows}
    assert view.name == "transport-settings"
    assert rows["port"] == ("2525", "smtp-property mail.smtp.port")
    assert rows["host"] == ("h.example.com", "smtp-server (stored)")
    assert rows["security"] == ("starttls-required", "use-start-tls (default)")
    assert rows["timeout"] == ("60000 ms", "default")
    assert rows["proxy.password"] == ("********", "smtp-property mail.smtp.proxy.password")
    assert "canary" not in repr(view)


def test_what_is_wrong_comes_along() -> None:
    (view,) = server(auth_username="ann", auth_password="x", use_start_tls=False).views()
    assert [problem.summary[:22] for problem in view.problems] == ["a login is configured,"]
    assert {name: value for name, value, _ in view.rows}["login"] == "ann (********)"


@pytest.mark.parametrize("function", ["no_such_module_here:x", "confobjects.mail.plan:no_such_function"])
def test_a_function_that_is_not_there(function: str) -> None:
    with pytest.raises(DefinitionError, match="of a view cannot be imported"):
        _run_view(View("x", "X.", function), server(), AllowedCode(modules=frozenset({function.partition(":")[0]})))
