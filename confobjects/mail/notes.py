"""What applies to mail through a mail server whatever a test of it says: relaying, and what its provider documents.

A test up to the login cannot find it out: a server says it, if at all, when mail is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.mail.plan import DeliveryPlan
    from confobjects.mail.presets import MailPreset
    from confobjects.mail.senders import MailSender

_REGION: Final = "{region}"


def list_notes(plan: DeliveryPlan, sender: MailSender | None) -> tuple[str, ...]:
    """Return what applies to mail by a plan, and from a mail sender if it comes from one."""
    login = plan.login
    notes = [] if sender is None else [sender.as_note(plan.host)]
    if sender is not None and login is not None and login.username.lower() != sender.address.lower():
        notes.append(
            f"{plan.host} has to allow {login.username} to send as {sender.address} (relaying), which is not the login"
        )
    preset = _find_preset(plan.host)
    return tuple(notes) if preset is None else (*notes, *_describe_provider(preset, plan))


def _find_preset(host: str) -> MailPreset | None:
    from confobjects.mail.presets import PRESETS

    name = host.lower().rstrip(".")
    return next((one for one in PRESETS.values() if _is_host_of(one, name)), None)


def _is_host_of(preset: MailPreset, name: str) -> bool:
    before, region, after = preset.host.partition(_REGION)
    if not region:
        return name == preset.host
    return name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)


def _describe_provider(preset: MailPreset, plan: DeliveryPlan) -> Iterator[str]:
    """Yield what a mail provider documents of the password, if one is used, and of its limits."""
    login = plan.login
    if preset.password and login is not None and not login.token and login.tokens is None:
        yield f"password of {preset.title}: {preset.password}"
    if preset.limits:
        yield f"limits of {preset.title}: {preset.limits.rstrip('.')}"
