"""Resolvers: the sources of expression values. IO: they read files, and the environment that is passed in.

Order of the sources for a token, first hit wins: definitions given to the command or the API, the environment,
expression files, and then the default in the expression. The functions are ``file:`` and ``env:``.

Laws: a source is read once, when it is first needed. A value names its source. Nothing here reads the environment of
the process; the environment is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.resolvers.files import ExpressionFiles, FileFunction, read_env_file

__all__ = ["ExpressionFiles", "FileFunction", "Resolvers", "read_env_file", "variable_of"]


def variable_of(token: str) -> str:
    """Return the name of the environment variable for a token: SMTP_PASSWORD for ``smtp.password``."""
    return token.upper().replace(".", "_").replace("-", "_")


class Resolvers:
    """All sources in their order. An instance is the provider that the evaluator calls."""

    def __init__(
        self,
        *,
        define: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        directories: Sequence[str] = (),
        instance_directory: str = ".",
        definition_name: str = "definition",
    ) -> None:
        self.define = define or {}
        self.environment = environment or {}
        self.files = ExpressionFiles(directories)
        self.definition_name = definition_name
        self.functions: dict[str, Callable[[str], Found | NotFound | Failed]] = {
            "file": FileFunction(instance_directory),
            "env": self._find_variable,
        }
        """Return the provider of each function that reads a file or the environment, by function name."""

    def __call__(self, need: Need) -> Found | NotFound | Failed:
        """Return the value that the sources have for a need."""
        if need.function is None:
            return self._find_token(need.argument)
        return self.functions[need.function](need.argument)

    def _find_variable(self, name: str) -> Found | NotFound:
        text = self.environment.get(name)
        where = f"environment variable {name}"
        return NotFound((where,)) if text is None else Found((text,), where, splittable=True)

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
