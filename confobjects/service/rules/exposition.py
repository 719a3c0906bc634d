r"""The text format of Prometheus, version 0.0.4: how metrics are handed over.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from confobjects.records import Record

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_IN_LABEL: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_IN_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Sample(Record):
    """A value, with its labels."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()


class Metric(Record):
    """A metric: its name, what it is, its kind, and its samples. The name of a counter ends with ``_total``."""

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    samples: tuple[Sample, ...]


def make_metric(name: str, help: str, values: float | Mapping[str, float], label: str = "") -> Metric:  # noqa: A002 - the word of the format
    """Return a metric with one value, or one value for each value of a label. Its name tells its kind."""
    by_label = values.items() if isinstance(values, Mapping) else ()
    samples = tuple(Sample(value, ((label, name_of),)) for name_of, value in by_label)
    kind: Literal["counter", "gauge"] = "counter" if name.endswith("_total") else "gauge"
    return Metric(name, help, kind, samples if isinstance(values, Mapping) else (Sample(values),))


def format_metrics(metrics: Iterable[Metric]) -> str:
    """Return metrics as a text. One without samples is left out."""
    return "".join(f"{line}\n" for metric in metrics if metric.samples for line in _format_metric(metric))


def _format_metric(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {_make_valid(metric.help).translate(_IN_HELP)}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for sample in metric.samples:
        labels = ",".join(f'{name}="{_make_valid(value).translate(_IN_LABEL)}"' for name, value in sample.labels)
        yield f"{metric.name}{labels and f'{{{labels}}}'} {_format_value(sample.value)}"


def _make_valid(text: str) -> str:
    """Return a text that is valid UTF-8, and whose other line ends break no line of a reader that knows more of them."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(one if one == "\n" or one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _format_value(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


__all__ = ["CONTENT_TYPE", "Metric", "Sample", "format_metrics", "make_metric"]
