"""Templates: loaded from this package, escaped, and refused if they name what they were not given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from confobjects.texts.visible import make_block_visible, make_visible
from confobjects.web.pages.assets import locate_asset
from confobjects.web.pages.remedies import explain, offer_once


def render_template(name: str, data: Mapping[str, Any]) -> str:
    """Return the text of a template with some data."""
    clear = {f"{key}_" if key in _MACROS else key: value for key, value in data.items()}
    return _environment().get_template(name).render(clear)


_MACROS = frozenset({"crumbs", "problems"})
"""Data that a macro is called like: a template has them with an underscore."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("confobjects.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_show,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(exact=_write_exact, block=_write_block, when=_write_time)
    environment.globals.update(asset=locate_asset, offer_once=offer_once, details=explain)
    return environment


def _show(value: Any) -> Any:
    """Return what a template shows of a value: of a text, nothing that a browser would hide or turn round."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return make_visible(value)
    return value


def _write_exact(text: str) -> Markup:
    """Return a text as it is, escaped: the value of a field, which comes back with the form."""
    return escape(text)


def _write_block(text: str) -> Markup:
    """Return a text of several lines."""
    return escape(make_block_visible(text))


def _write_time(text: str) -> Markup:
    """Return a time (RFC 3339, in UTC) as people read it; another text as it is."""
    day, letter, rest = text.partition("T")
    if not letter or not rest.endswith("Z"):
        return escape(_show(text))
    shown = f"{day} {rest.removesuffix('Z').partition('.')[0]} UTC"
    return Markup('<time datetime="{}">{}</time>').format(text, make_visible(shown))
