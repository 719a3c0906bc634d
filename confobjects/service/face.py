"""The mail service in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from confobjects.service.installed import require_installed

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.service.serving import MailService
    from confobjects.startup import Followed


def mail_service(
    configuration: EffectiveConfiguration | Followed | str | None = None,
    *,
    unsealed: bool = False,
    environment: Mapping[str, str] | None = None,
    runners: int = 4,
    **options: Any,
) -> MailService:
    """Return the mail service of a configuration: use it in a ``with`` statement.

    If the URL of the configuration is given, or nothing, the configuration is followed from when the service is entered
    until it ends; ``options`` are those of :func:`confobjects.live`. A live configuration that is given has to be entered
    before. Alert handlers work while a configuration is followed and mail is delivered. ``environment`` names the keys that
    the ledger is sealed with; without any, ``unsealed`` must say that it may be unsealed. ``runners`` is the number of
    threads that deliver. Raises UsageError if what it needs is not installed.
    """
    require_installed()
    from confobjects.following import Live, live
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.service.alerting import Alerts
    from confobjects.service.serving import MailService

    if isinstance(configuration, EffectiveConfiguration):
        fixed = configuration
        return MailService(lambda: fixed, environment=environment, unsealed=unsealed, runners=runners)
    if configuration is None or isinstance(configuration, str):
        opened = live(configuration, environment=environment, **options)
        return MailService(
            lambda: opened.configuration,
            opened=opened,
            environment=environment,
            unsealed=unsealed,
            runners=runners,
            beside=(Alerts(opened),),
        )
    followed = configuration
    return MailService(
        lambda: followed.configuration,
        environment=environment,
        unsealed=unsealed,
        runners=runners,
        beside=(Alerts(followed),) if isinstance(followed, Live) else (),
    )


__all__ = ["mail_service"]
