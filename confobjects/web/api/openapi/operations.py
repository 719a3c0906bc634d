"""The operations of the endpoints beside those of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from confobjects.web.api.openapi.parameters import IF_MATCH, Schema, path_parameter, query_parameter
from confobjects.web.api.openapi.rows import JSON, REFERENCE, Row
from confobjects.web.endpoints import Endpoint

PROBLEM: Final = {"$ref": "#/components/responses/problem"}


def describe_operation(endpoint: Endpoint, row: Row) -> dict[str, Any]:
    """Return the operation of an endpoint that takes and gives what a row says."""
    words = endpoint.template.replace("{", "").replace("}", "").replace(".", "-").strip("/").replace("/", "-")
    names = [part[1:-1] for part in endpoint.template.split("/") if part.startswith("{")]
    parameters = [*map(path_parameter, names), *map(query_parameter, row.query)]
    if row.if_match:
        parameters.append(IF_MATCH)
    schema = {"$ref": f"{REFERENCE}output-{row.form}"} if row.form else row.answer
    answer: Schema = {"description": endpoint.summary}
    if schema:
        answer["content"] = {row.media: {"schema": schema}}
    made: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}-{words}",
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {str(row.status): answer, "default": PROBLEM},
    }
    if row.status == 202:
        made["responses"]["200"] = answer
    if bodies := dict(_list_bodies(row)):
        made["requestBody"] = {"required": True, "content": bodies}
    if endpoint.needs == "nobody":
        made["security"] = []
    return made


def _list_bodies(row: Row) -> Iterator[tuple[str, Schema]]:
    if row.body:
        schema = {"type": "object", "properties": dict(row.body), "additionalProperties": False}
        yield JSON, {"schema": {**schema, "required": list(row.needed)}}
    yield from ((media, {"schema": schema}) for media, schema in row.bodies.items())
