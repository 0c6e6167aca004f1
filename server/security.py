"""Who may talk to the server: Host and Origin allow-lists, the access token, headers, rates.

Knows HTTP headers; does not know what is served. In short:
  Host     must be localhost, an IP address or a configured name (DNS rebinding).
  Origin   where a browser sends one, must be the server's own or a configured one; no CORS.
  token    when set, every request but /health needs it: `Authorization: Bearer`, or `?token=` once
           on a page, which is exchanged for a cookie that scripts cannot read.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from server.config import ListenSection
from server.rate_limit import TokenBucket

COOKIE = "liveactor"
_PUBLIC_PATHS = ("/health",)
_LOCAL_NAMES = ("localhost", "localhost.localdomain")
_MAX_ADDRESSES = 1024

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob: mediastream:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def error_response(
    status: int, code: str, message: str, *, retry_after_s: float | None = None
) -> web.Response:
    """The one form of a failure."""
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


class Gatekeeper:
    """Checks every request before anything else is done with it."""

    def __init__(self, listen: ListenSection, token: str | None) -> None:
        self._listen = listen
        self._token = token
        self._cookie_key = secrets.token_bytes(32)
        per_second = listen.requests_per_minute / 60.0
        self._rate_per_s, self._burst = per_second, max(10.0, 10 * per_second)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """aiohttp middleware."""
        refusal = self._refusal(request)
        return refusal if refusal is not None else await handler(request)

    def _refusal(self, request: web.Request) -> web.StreamResponse | None:
        if not self._is_host_allowed(request.host):
            return error_response(421, "wrong_host", "This server does not go by that name.")
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_origin_allowed(origin, request):
            return error_response(403, "wrong_origin", "Other websites may not call this server.")
        if (
            request.method not in ("GET", "HEAD")
            and request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
            and (origin is None or origin not in self._listen.allowed_origins)
        ):
            return error_response(403, "wrong_origin", "Other websites may not call this server.")
        if self._token is None or request.path in _PUBLIC_PATHS or self._has_token(request):
            return None
        if request.method == "GET" and "token" in request.query:
            return self._exchange(request)
        return error_response(401, "no_token", "This server needs its access token.")

    def _is_host_allowed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in _LOCAL_NAMES or name in self._listen.allowed_hosts or name == self._listen.host:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # An IP address cannot be rebound by DNS; on a loopback bind only loopback ones make sense.
        return address.is_loopback or not self._listen.is_loopback

    def _is_origin_allowed(self, origin: str, request: web.Request) -> bool:
        scheme = self._listen.trusted_proxy_scheme or request.scheme
        return origin == f"{scheme}://{request.host}" or origin in self._listen.allowed_origins

    def _has_token(self, request: web.Request) -> bool:
        assert self._token is not None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self._token):
            return True
        return _same(request.cookies.get(COOKIE, ""), self._cookie())

    def _exchange(self, request: web.Request) -> web.StreamResponse:
        assert self._token is not None
        if not _same(request.query["token"], self._token):
            return error_response(401, "wrong_token", "That is not this server's access token.")
        # The token leaves the address bar (history, screenshots of streamers) at once.
        query = {key: value for key, value in request.query.items() if key != "token"}
        response = web.Response(
            status=303, headers={"Location": str(request.rel_url.with_query(query))}
        )
        is_secure = (self._listen.trusted_proxy_scheme or request.scheme) == "https"
        response.set_cookie(
            COOKIE, self._cookie(), httponly=True, samesite="Strict", secure=is_secure, path="/"
        )
        return response

    def _cookie(self) -> str:
        assert self._token is not None
        return hmac.new(self._cookie_key, self._token.encode(), hashlib.sha256).hexdigest()

    def spend(self, request: web.Request) -> web.Response | None:
        """Count an expensive request against its address; a 429 where it asked too often."""
        address = request.remote or ""
        bucket = self._buckets.pop(address, None) or TokenBucket(self._rate_per_s, self._burst)
        self._buckets[address] = bucket
        while len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        if bucket.take():
            return None
        return error_response(
            429, "rate_limited", "Too many requests; wait a moment.", retry_after_s=bucket.wait_s
        )


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """aiohttp `on_response_prepare`: the same headers on every reply."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    if request.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
