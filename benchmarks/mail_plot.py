"""A bar chart as SVG, written without a library because it is so simple."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, ROW, LEFT, RIGHT = 720, 30, 230, 110


def bars(title: str, unit: str, values: Sequence[tuple[str, float, bool]]) -> str:
    """Return the SVG text: one bar for each (name, value, whether it is ours), the longest value filling the width."""
    longest = max(value for _, value, _ in values)
    height = 50 + ROW * len(values)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="24" font-size="15">{escape(title)}</text>',
    ]
    for row, (name, value, ours) in enumerate(values):
        top, length = 42 + row * ROW, value / longest * (WIDTH - LEFT - RIGHT)
        middle = top + 15
        parts.append(f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>')
        colour = "#2b6cb0" if ours else "#a0aec0"
        parts.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="20" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + length + 6:.1f}" y="{middle}">{value:,.0f} {escape(unit)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def text_bars(values: Sequence[tuple[str, float, bool]]) -> list[str]:
    """Return the same chart as lines of text."""
    longest = max(value for _, value, _ in values)
    return [f"{name:26} {value:>9,.0f} {'#' * max(1, round(value / longest * 40))}" for name, value, _ in values]
