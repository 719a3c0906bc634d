"""Resolvers: the sources of expression values. IO: they read files, and the environment that is passed in.

Order of the sources for a token, first hit wins: definitions given to the command or the API, the environment,
expression files, and then the default in the expression. The functions are ``file:`` and ``env:``.

The right to write the configuration does not give the right to read the machine: ``file:`` reads only below the roots
of :mod:`~confobjects.resolvers.roots`, and neither ``env:`` nor a token gives a variable of confobjects itself, or one
that ``CONFOBJECTS_ENV_ALLOW`` leaves out.

Laws: a source is read once, when it is first needed. A value names its source. Nothing here reads the environment of
the process; the environment is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.resolvers.files import ExpressionFiles, FileFunction, read_env_file
from confobjects.resolvers.patience import Patience
from confobjects.resolvers.roots import FileRoots, file_roots_of

__all__ = [
    "ExpressionFiles",
    "FileFunction",
    "FileRoots",
    "Patience",
    "Resolvers",
    "file_roots_of",
    "read_env_file",
    "variable_of",
]

ALLOW_VARIABLE: Final = "CONFOBJECTS_ENV_ALLOW"
"""Patterns of the environment variables that expressions may have, separated by commas (``SMTP_*,APP_*``)."""
_OWN_PREFIX: Final = "CONFOBJECTS_"
_LATE: Final = "look for a slow file system, or for directories of expression files with much else in them"


def variable_of(token: str) -> str:
    """Return the name of the environment variable for a token: SMTP_PASSWORD for ``smtp.password``."""
    return token.upper().replace(".", "_").replace("-", "_")


class Resolvers:
    """All sources in their order. An instance is the provider that the evaluator calls."""

    def __init__(  # noqa: PLR0913 - each is a source or a place, all by keyword
        self,
        *,
        define: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        directories: Sequence[str] = (),
        instance_directory: str = ".",
        definition_name: str = "definition",
        roots: FileRoots | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.patience = Patience() if patience is None else patience
        self.define = define or {}
        self.environment = environment or {}
        self.files = ExpressionFiles(directories, self.patience)
        self.definition_name = definition_name
        self.functions: dict[str, Callable[[str], Found | NotFound | Failed]] = {
            "file": FileFunction(instance_directory, roots, self.patience),
            "env": self._find_named_variable,
        }
        """Return the provider of each function that reads a file or the environment, by function name."""
        self._answers: dict[Need, Found | NotFound | Failed] = {}

    def __call__(self, need: Need) -> Found | NotFound | Failed:
        """Return the value that the sources have for a need. When their time is over, each need fails."""
        if self.patience.is_over():
            return Failed(self.patience.summary, _LATE)
        self.patience.begin()
        try:
            answer = self._find_token(need.argument) if need.function is None else self._call_function(need)
            return Failed(self.patience.summary, _LATE) if self.patience.is_over() else answer
        finally:
            self.patience.pause()

    def _call_function(self, need: Need) -> Found | NotFound | Failed:
        if need not in self._answers:
            self._answers[need] = self.functions[need.function or ""](need.argument)
        return self._answers[need]

    def _find_named_variable(self, name: str) -> Found | NotFound | Failed:
        if not self._is_allowed(name):
            remedy = f"use another variable; {ALLOW_VARIABLE} can limit them, and none begins with {_OWN_PREFIX}"
            return Failed(f"the environment variable {name} is not given to a configuration", remedy)
        return self._find_variable(name)

    def _find_variable(self, name: str) -> Found | NotFound:
        if not self._is_allowed(name):
            return NotFound((f"environment variable {name} (not given to a configuration)",))
        text = self.environment.get(name)
        where = f"environment variable {name}"
        return NotFound((where,)) if text is None else Found((text,), where, splittable=True)

    def _is_allowed(self, variable: str) -> bool:
        if variable.upper().startswith(_OWN_PREFIX):
            return False
        patterns = self.environment.get(ALLOW_VARIABLE)
        return patterns is None or any(fnmatchcase(variable, part.strip()) for part in patterns.split(","))

    def _find_token(self, token: str) -> Found | NotFound | Failed:
        if token in self.define:
            return Found((self.define[token],), f"{self.definition_name} {token}", splittable=True)
        variable = self._find_variable(variable_of(token))
        if isinstance(variable, Found):
            return variable
        from_file = self.files(token)
        if not isinstance(from_file, NotFound):
            return from_file
        return NotFound((f"{self.definition_name} {token}", *variable.looked_in, *from_file.looked_in))
