"""A test of a provider: it fetches a token, and says what came or why none did. The token itself is never shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from confobjects.actions import Remedy, Say, plain, remedy_text
from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError, OAuthError
from confobjects.mail.diagnosis import DeliveryError, Trouble, TrustError, diagnose
from confobjects.oauth.sources import ProviderTokens
from confobjects.records import Record


class ProviderTestResult(Record):
    """The result of a test. After a failure ``code``, ``summary``, ``remedy`` and ``property`` say what it was.

    ``lifetime`` is the time in seconds for which the token is valid, ``expires`` its end in UTC (ISO 8601), ``rotated``
    whether a new refresh token came with it.
    """

    provider: str
    tested: Literal["saved", "unsaved"]
    ok: bool
    grant: str = ""
    scope: str = ""
    lifetime: int = 0
    expires: str = ""
    rotated: bool = False
    code: str = ""
    summary: str = ""
    remedy: Remedy = ""
    property: str = ""
    exit_code: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()

    def as_json(self, say: Say = plain) -> dict[str, Any]:
        """Return the result for a program; ``say`` words the actions of remedies."""
        result: dict[str, Any] = {"ok": self.ok, "provider": self.provider, "tested": self.tested}
        if self.ok:
            facts = {"grant": self.grant, "scope": self.scope, "lifetime": self.lifetime, "expires": self.expires}
            return {**result, **facts, "rotated": self.rotated}
        facts = {"code": self.code, "summary": self.summary, "remedy": remedy_text(self.remedy, say)}
        facts["property"] = self.property
        result.update({name: value for name, value in facts.items() if value})
        return {**result, "exit": self.exit_code, "diagnostics": [one.as_json(say) for one in self.diagnostics]}


def check_provider(
    path: str, open_source: Callable[[], ProviderTokens], *, unsaved: bool = False
) -> ProviderTestResult:
    """Fetch a token and return what came of it; it is kept, as is a refresh token that came with it.

    ``open_source`` is called for the source, and may fail as the source itself. ``unsaved`` says that values are tested
    that are not saved.
    """
    result = ProviderTestResult(path, "unsaved" if unsaved else "saved", ok=False)
    try:
        source = open_source()
        token = source.fetch()
    except Trouble as trouble:
        return _with_failure(result, as_oauth_error(trouble), diagnose(trouble, {}).code)
    except MailError as error:
        code = error.reason if isinstance(error, TrustError) else error.diagnostics[0].code
        return _with_failure(result, OAuthError(error.diagnostics), code)
    return result.replace(
        ok=True,
        grant=source.settings.grant,
        scope=token.scope,
        lifetime=round(token.expires - token.begin),
        expires=datetime.fromtimestamp(token.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        rotated=bool(token.refresh),
    )


def as_oauth_error(trouble: Trouble) -> OAuthError:
    """Return the error of a command for a trouble of stage token."""
    error = DeliveryError(diagnose(trouble, {}), trouble.facts.get("path", ""))
    return OAuthError([one.replace(code=OAuthError.code) for one in error.diagnostics])


def _with_failure(result: ProviderTestResult, error: OAuthError, code: str) -> ProviderTestResult:
    first = error.diagnostics[0]
    return result.replace(
        code=code,
        summary=first.summary,
        remedy=first.remedy,
        property=first.property,
        exit_code=error.exit_code,
        diagnostics=error.diagnostics,
    )
