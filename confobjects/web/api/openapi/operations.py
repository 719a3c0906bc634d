"""The operations of the endpoints beside those of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from confobjects.web.api.openapi.answers import JSON, answer_name, refer
from confobjects.web.api.openapi.parameters import IF_MATCH, Schema, path_parameter, query_parameter
from confobjects.web.api.openapi.rows import Row
from confobjects.web.endpoints import Endpoint, Needs
from confobjects.web.people import name_roles

PROBLEM: Final = {"$ref": "#/components/responses/problem"}


def describe_operation(endpoint: Endpoint, row: Row) -> dict[str, Any]:
    """Return the operation of an endpoint that takes and gives what a row says."""
    names = [part[1:-1] for part in endpoint.template.split("/") if part.startswith("{")]
    parameters = [*map(path_parameter, names), *(query_parameter(one) for one in row.query)]
    if row.if_match:
        parameters.append(IF_MATCH)
    made: dict[str, Any] = {
        "operationId": row.name,
        "tags": [row.tag],
        "summary": endpoint.summary,
        "description": tell_roles(endpoint.needs),
        "parameters": parameters,
        "responses": _describe_responses(endpoint, row),
    }
    if bodies := dict(_list_bodies(row)):
        made["requestBody"] = {"required": True, "content": bodies}
    if endpoint.needs == "nobody":
        made["security"] = []
    return made


def tell_roles(needs: Needs) -> str:
    """Return a sentence about who may call."""
    if needs == "nobody":
        return "Nobody needs to be signed in."
    return "For every role." if needs == "anybody" else f"For the roles: {', '.join(name_roles(needs))}."


def _describe_responses(endpoint: Endpoint, row: Row) -> dict[str, Any]:
    answer: Schema = {"description": endpoint.summary}
    if row.form:
        answer["content"] = {row.media: {"schema": refer(answer_name(row.form))}}
    elif row.answer:
        answer["content"] = {row.media: {"schema": row.answer}}
    if row.links:
        answer["links"] = dict(row.links)
    made: dict[str, Any] = {str(row.status): answer, "default": PROBLEM}
    if row.status == 202:
        made["200"] = {**answer, "description": "What would be done (dry-run)."}
        made["200"].pop("links", None)
    return made


def _list_bodies(row: Row) -> Iterator[tuple[str, Schema]]:
    if row.body:
        schema = {"type": "object", "properties": dict(row.body), "additionalProperties": False}
        yield JSON, {"schema": {**schema, "required": list(row.needed)}}
    yield from ((media, {"schema": schema}) for media, schema in row.bodies.items())
