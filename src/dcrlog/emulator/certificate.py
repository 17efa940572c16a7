"""A certificate authority of the emulator's own, and what a client needs to trust it."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import certifi
import trustme

from dcrlog.errors import ConfigError, shown


class Certificate:
    """A fresh authority with one certificate, for the loopback names and others.

    Args:
        names: Further names and addresses.

    Raises:
        ConfigError: One of them cannot stand in a certificate.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._authority = trustme.CA(organization_name="dcrlog emulator", key_type=trustme.KeyType.ECDSA)
        every = ("localhost", "*.ingest.localhost", "127.0.0.1", "::1", *names)
        try:
            self._leaf = self._authority.issue_cert(*every, key_type=trustme.KeyType.ECDSA)
        except (ValueError, UnicodeError) as error:
            raise ConfigError(
                f"names must be names of hosts or addresses, got {shown(list(names))}: {error}."
            ) from None

    @property
    def authority(self) -> bytes:
        """The certificate of the authority alone, as PEM."""
        return self._authority.cert_pem.bytes()

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS settings of the https listener; like the service, TLS 1.2 and later only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._leaf.configure_cert(context)
        return context

    def write_bundle(self, path: Path) -> None:
        """Write what REQUESTS_CA_BUNDLE takes.

        The variable replaces the usual authorities, so a bundle of ours alone would break every other https
        call of the process.
        """
        own = self.authority.decode()
        path.write_text(f"{certifi.contents().rstrip()}\n\n{own}", encoding="ascii")
