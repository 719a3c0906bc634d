"""Forms of pages (``application/x-www-form-urlencoded``, HTML standard), read without a further package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request

from confobjects.web.problems import WebError

FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 2000


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """Return the fields of a form, each with its values in order; nothing for a body of another type.

    The body can be read again. Raises :class:`~confobjects.web.problems.WebError` for what is no form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return {}
    try:
        text = (await request.body()).decode("ascii")
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise WebError("the form cannot be read") from None
