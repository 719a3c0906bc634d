"""Opens and loads configurations for tests that make up kinds and values while they run.

A type checker knows every kind and property of what :func:`confobjects.open` and :func:`confobjects.load` return. The classes
here take any text.
"""

from __future__ import annotations

from typing import Any

import confobjects
from confobjects.management import ManagementContext
from confobjects.objects.effective import EffectiveConfiguration


def open_any(url: str | None = None, **options: Any) -> ManagementContext:
    """Open a configuration whose objects a type checker knows nothing of."""
    return confobjects.open(url, **options)


def load_any(url: str | None = None, **options: Any) -> EffectiveConfiguration:
    """Load a configuration whose objects a type checker knows nothing of."""
    return confobjects.load(url, **options)
