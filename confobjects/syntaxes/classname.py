"""The syntax class-name: the location of a class, in Python or Java notation. Nothing is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confobjects.syntaxes.base import EXACT, Syntax, ValueSyntaxError, quote_text, require_line
from confobjects.texts.articles import with_article


class ClassName(Syntax):
    """A class: ``package.module:Class`` (dots after the colon reach inner classes), or ``org.example.Class$Inner``.

    ``instance-of`` names what the class must extend or implement. The code that loads the class checks that.
    """

    __slots__ = ("instance_of",)

    name = "class-name"
    administrator_only = True
    placeholder = "CLASS"
    ldap_syntax = EXACT
    parameters = {
        "instance-of": {
            "description": "The classes or interfaces that the class must extend or implement.",
            "type": "array",
            "items": {"type": "string", "minLength": 1},
        }
    }
    samples_good = (
        ({}, "package.module:Class"),
        ({}, "module:Outer.Inner"),
        ({}, "org.example.server.Provider"),
        ({}, "org.example.Provider$Inner"),
        ({}, "org.example.Provider$1"),
        ({}, "org.example.Provider$Inner$12$1Local"),
        ({"instance-of": ["ssl.SSLContext"]}, " _private.mod:Größe ", "_private.mod:Größe"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a class such as package.module:Class"),
        ({}, "package.module:", "the name of the class is missing, expected a class such as package.module:Class"),
        ({}, ":Class", "the module is missing, expected a class such as package.module:Class"),
        ({}, "a:b:C", '"a:b:C" has more than one colon, expected a class such as package.module:Class'),
        ({}, "a..B", "a name is missing before or after a dot, expected a class such as package.module:Class"),
        ({}, "a.2b", '"2b" is not an identifier, expected a class such as package.module:Class'),
        ({}, "some/module.py", '"some/module" is not an identifier, expected a class such as package.module:Class'),
        ({}, "a.B$", "a name is missing before or after a dot, expected a class such as package.module:Class"),
        ({}, "a.1$B", '"1" is not an identifier, expected a class such as package.module:Class'),
        ({}, "a:B$1", '"B$1" is not an identifier, expected a class such as package.module:Class'),
        ({}, "a b.C", '"a b" is not an identifier, expected a class such as package.module:Class'),
    )

    def __init__(self, *, instance_of: Sequence[str] = ()) -> None:
        self.instance_of = tuple(instance_of)

    def _explain_widening(self, inherited: Any) -> str:
        lost = next((name for name in inherited.instance_of if name not in self.instance_of), "")
        return f"the inherited one asks for {lost}" if lost else ""

    def parse(self, text: str) -> str:
        line = require_line(text, self.expected)
        module, colon, qualified = line.partition(":")
        if ":" in qualified:
            raise ValueSyntaxError(f"{quote_text(line)} has more than one colon", self.expected)
        if colon and not (module and qualified):
            missing = "the name of the class" if module else "the module"
            raise ValueSyntaxError(f"{missing} is missing", self.expected)
        names = module.split(".") + (qualified.split(".") if colon else [])
        if not colon:
            # Java writes inner classes with a dollar sign, which may also stand inside an identifier. Anonymous and local
            # classes have a number before their name, if they have one (JLS 13.1).
            outer, *inner = names[-1].split("$")
            names[-1:] = [outer, *(name.lstrip("0123456789") or "_" if name else "" for name in inner)]
        for name in names:
            if not name:
                raise ValueSyntaxError("a name is missing before or after a dot", self.expected)
            if not name.isidentifier():
                raise ValueSyntaxError(f"{quote_text(name)} is not an identifier", self.expected)
        return line

    @property
    def expected(self) -> str:
        of = f" that is {' and '.join(map(with_article, self.instance_of))}" if self.instance_of else ""
        return f"a class such as package.module:Class{of}"

    def usage(self) -> str:
        return f"CLASS <= {', '.join(self.instance_of)}" if self.instance_of else "CLASS"
