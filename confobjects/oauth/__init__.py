"""OAuth 2.0 (RFC 6749) as a client: access tokens for logins at mail servers.

``protocol`` is the pure wing: what is sent and what comes back, as data. The other modules send it, keep what comes back,
and lead a person through a consent. Nobody below knows this room: the transport is handed a source of tokens.

Laws: at most one token is fetched at a time for one provider, whatever the number of threads and processes. A refresh
token that has been replaced is stored durably before the access token that came with it is used. No message, log or
transcript contains a token or another secret. Every wait and every answer has a limit, and no redirect is followed.
"""
