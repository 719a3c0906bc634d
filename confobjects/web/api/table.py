"""Every endpoint of the REST API."""

from __future__ import annotations

from typing import Final

from confobjects.web.api import configuration, installing, mail, objects, operating, testing
from confobjects.web.api.openapi.document import make_endpoint
from confobjects.web.identity import endpoints as sign_in
from confobjects.web.serving import states, streaming

_DESCRIBED: Final = (
    *sign_in.ENDPOINTS,
    *streaming.ENDPOINTS,
    *objects.ENDPOINTS,
    *configuration.ENDPOINTS,
    *installing.ENDPOINTS,
    *mail.ENDPOINTS,
    *operating.ENDPOINTS,
    *testing.ENDPOINTS,
)
ENDPOINTS: Final = (*_DESCRIBED, make_endpoint(_DESCRIBED, states.ENDPOINTS))
"""What is mounted below ``/api/v1``, sign-in and events included."""
