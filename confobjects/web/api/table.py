"""Every endpoint of the REST API."""

from __future__ import annotations

from typing import Final

from confobjects.web.api import configuration, mail, objects, testing

ENDPOINTS: Final = (*objects.ENDPOINTS, *configuration.ENDPOINTS, *mail.ENDPOINTS, *testing.ENDPOINTS)
"""What is mounted below ``/api/v1``, beside the endpoints of sign-in."""
