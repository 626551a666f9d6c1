"""Settings of the HTTP room, from the project's settings and the command line. Knows nothing of files or flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polystep.contracts.limits import (
    BODY_BYTES_MAX,
    BYTES_IN_FLIGHT_MAX,
    CONNECTIONS_MAX,
    HEADER_BYTES_MAX,
    HTTP_RUNS_MAX,
    SOCKETS_MAX,
    TURN_WAIT_S,
    UPLOAD_BYTES_MAX,
    UPLOADS_MAX,
    WRITE_TIMEOUT_S,
)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Settings of a server: its address, its clients and its bounds."""

    host: str = "127.0.0.1"
    port: int = 3000
    """0 takes any free port; `HttpServer.bind` says which."""
    token: str = ""
    """The admin bearer token; empty refuses everything that needs one."""
    dev: bool = False
    """Pages on localhost, at any port, may call the user's routes."""
    allowed_hosts: tuple[str, ...] = ()
    """Extra `Host` names, without a port; `.example.com` covers its subdomains."""
    allowed_origins: tuple[str, ...] = ()
    """Such as `https://app.example.com`; `*` allows every origin on the user's routes."""
    admin_origin: str = ""
    """Such as `https://admin.example.com`: where browsers find the admin pages, besides `http://127.0.0.1`."""
    require_token_for_reads: bool = False
    """Set when the address is not loopback, or the Workbench runs in production: all of `/__polystep/` but the probes
    needs the token, or a session."""
    workbench: bool = True
    """Serve the pages at `/__polystep/`; the admin API is there without them too."""
    session_s: float = 12 * 3600.0
    """Time after which a browser has to sign in again."""
    streams_need_rule: bool = False
    """Set when the address is not loopback: a stream without a rule is joined with the token only."""
    body_bytes_max: int = BODY_BYTES_MAX
    upload_bytes_max: int = UPLOAD_BYTES_MAX
    """One `multipart/form-data` body with all its files; its text fields together stay below `body_bytes_max`."""
    uploads: Path | None = None
    """The folder for files of uploads; without one they are refused."""
    header_bytes_max: int = HEADER_BYTES_MAX
    """The request line, and one header field."""
    headers_max: int = 128
    """Header fields of one request; browsers send about 20."""
    runs_max: int = HTTP_RUNS_MAX
    turn_wait_s: float = TURN_WAIT_S
    connections_max: int = CONNECTIONS_MAX
    sockets_max: int = SOCKETS_MAX
    uploads_max: int = UPLOADS_MAX
    bytes_in_flight_max: int = BYTES_IN_FLIGHT_MAX
    write_timeout_s: float = WRITE_TIMEOUT_S
    """Within it, a client that is behind must have taken a little of its answer."""
    case_sensitive_paths: bool = False
    """`/Users` and `/users` are different paths."""
    docs: bool = True
    """Serve `/openapi.json`, `/asyncapi.json` and `/docs` where no step claims them."""
    body_timeout_s: float = 30.0
    """From the headers to the last byte of the body; a client that dribbles is answered 408."""
    keepalive_timeout_s: float = 75.0
    """An idle connection, or one that never ends its headers, is closed; proxies reuse theirs for 60 s."""
