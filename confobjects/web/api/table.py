"""Every endpoint of the REST API."""

from __future__ import annotations

from typing import Final

from confobjects.web.api import objects

ENDPOINTS: Final = (*objects.ENDPOINTS,)
"""What is mounted below ``/api/v1``, beside the endpoints of sign-in."""
