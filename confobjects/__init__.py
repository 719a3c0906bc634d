"""Configuration objects with one definition each: commands, storage, expressions, documentation and mail follow from it."""

from __future__ import annotations

__version__ = "0.1.0"
