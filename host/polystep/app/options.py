"""Options of one start: the choices of the command line, checked, and the addresses that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polystep.contracts.addresses import is_loopback
from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import TOKEN_CHARS_MIN


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Choices of the command line for one start."""

    project: Path
    host: str = "127.0.0.1"
    port: int = 3000
    dev: bool = True
    """Watch files, allow pages on localhost, serve the stand-in model."""
    stand_in: bool = True
    forgets: bool = False
    """End handlers at every wait and after every `once`, so that they run again from the top."""
    strict: bool = False
    """Refuse to start while a file does not load or something else is wrong for certain."""
    token: str | None = None
    """The admin token; a fresh one per start by default. Must be given when the address is not loopback."""

    set_flags: tuple[str, ...] = ()
    """Settings of the command line, `SECTION.SETTING=VALUE` each; they are in the settings already."""

    @property
    def is_public(self) -> bool:
        """Report whether other machines can reach the address."""
        return not is_loopback(self.host)

    def check(self) -> None:
        """Refuse a start that would be open to other machines.

        Raises:
            LoadFailed: The address needs a token, or the token can be guessed.
        """
        if self.is_public and not self.token:
            raise LoadFailed(
                f"{self.host} can be reached from other machines. Set POLYSTEP_TOKEN to a secret of your choice: "
                "the admin pages and API ask for it there. Or leave --host away to serve this machine only."
            )
        if self.token and len(self.token) < TOKEN_CHARS_MIN:
            raise LoadFailed(
                f"POLYSTEP_TOKEN has {len(self.token)} characters, which can be guessed; it needs {TOKEN_CHARS_MIN} "
                'or more. Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
            )

    def url(self, port: int) -> str:
        """Return the address to show to the user."""
        return _url("localhost" if self.host == "127.0.0.1" else self.host, port)

    def local_url(self, port: int) -> str:
        """Return the address that commands on this machine use."""
        return _url("127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host, port)


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
