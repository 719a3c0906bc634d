"""The options that dsconfig assumes where nobody gives them: the administration port of this machine, with TLS."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Final

from confobjects import startup

from ..words.properties_file import Defaults
from . import DSCONFIG

_PLACES: Final = frozenset({"url", "offline", "configfile"})
_SERVER: Final = frozenset({"hostname", "port"})
_CONNECTION: Final = {"hostname": "localhost", "port": "4444", "usessl": True, "binddn": "cn=Directory Manager"}


class DsconfigDefaults(Defaults):
    """The values of a properties file, and below them those of dsconfig itself."""

    def values_besides(self, given: Collection[str]) -> dict[str, Any]:
        """Return the values that apply in addition to the given options."""
        found = super().values_besides(given)
        taken = {*given, *found}
        named = taken & _PLACES or (os.environ.get(startup.URL_VARIABLE) and not taken & _SERVER)
        usual = {} if named else {name: value for name, value in _CONNECTION.items() if name not in taken}
        if "usestarttls" in taken:
            usual.pop("usessl", None)
        return {**usual, **found, "compat": DSCONFIG}
