"""The credential that a `credential` setting asks for. Called in a sender's thread only."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from dcrlog._attempt import seconds_left
from dcrlog._endpoint import Endpoint
from dcrlog._environment import resolve
from dcrlog._forking import FORK_GUARD
from dcrlog.errors import ConfigError, DcrlogError

_IMDS_CONNECT_TIMEOUT: Final = 2.0
"""Seconds, as azure-identity has it (1.25): its address is link-local, and answers at once or never."""


class TokenError(DcrlogError):
    """No token was to be had. The cause is what the credential raised."""


class Credential:
    """Tells a failure to get a token apart from a refusal of the ingestion service.

    One thread asks at a time: 16 threads that start together would ask the login service 16 times.

    Args:
        setting: The `credential` setting.
        endpoint: Where the tokens are for.

    Raises:
        ConfigError: A factory could not be imported, or made something that is no credential.
    """

    def __init__(self, setting: Any, endpoint: Endpoint) -> None:
        self._setting = setting
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._claims: str | None = None
        self._credential = make_credential(setting, endpoint)
        # A class makes a new object; a function may return one that others use as well.
        self._is_ours = isinstance(setting, str) or (
            isinstance(setting, Mapping) and isinstance(_factory(setting), type)
        )

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Get a token from the credential behind this one.

        Raises:
            TokenError: The credential raised.
        """
        try:
            with FORK_GUARD.section(), self._turn():
                claims, self._claims = self._claims, None
                if claims is not None:
                    try:
                        return self._credential.get_token(*scopes, claims=claims, **options)
                    except TypeError:
                        # Written before `claims` was part of the protocol.
                        pass
                return self._credential.get_token(*scopes, **options)
        except Exception as error:
            raise TokenError from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=min(seconds_left(), threading.TIMEOUT_MAX)):
            raise TimeoutError("another request waits for the login service")
        try:
            yield
        finally:
            self._lock.release()

    def renew(self, claims: str | None) -> None:
        """Let the next token be a new one, though the credential may have an older one in its cache.

        Args:
            claims: What the service's challenge asks for, as JSON; None where it said nothing.
        """
        with self._lock:
            if self._is_ours:
                self._close()
                self._credential = make_credential(self._setting, self._endpoint)
                self._claims = claims
            else:
                # A credential of the application is asked for a token that is not older than now, which no
                # cache has: the form is that of Continuous Access Evaluation.
                now = int(time.time())
                not_before = {"access_token": {"nbf": {"essential": True, "value": str(now)}}}
                self._claims = claims or json.dumps(not_before)

    def close(self) -> None:
        """Close the connections to the login service, unless the credential belongs to the application."""
        if self._is_ours:
            self._close()

    def _close(self) -> None:
        close = getattr(self._credential, "close", None)
        if close is not None:
            close()


def make_credential(setting: Any, endpoint: Endpoint) -> Any:
    """Build the credential, or return the one that was given.

    The login authority follows the endpoint's cloud, unless AZURE_AUTHORITY_HOST already names one.

    Raises:
        ConfigError: A factory could not be imported, or made something that is no credential.
    """
    if isinstance(setting, str):
        return _named(setting, endpoint)
    if isinstance(setting, Mapping):
        return _made(setting)
    return setting


def _named(name: str, endpoint: Endpoint) -> Any:
    from azure import identity

    from dcrlog._transport import Transport

    follows_cloud = endpoint.authority is not None and not os.environ.get("AZURE_AUTHORITY_HOST")
    authority = {"authority": endpoint.authority} if follows_cloud else {}
    if name == "azure_cli":
        return identity.AzureCliCredential()
    if name == "managed_identity":
        client_id = os.environ.get("AZURE_CLIENT_ID") or None
        transport = Transport(connection_timeout=_IMDS_CONNECT_TIMEOUT)
        return identity.ManagedIdentityCredential(client_id=client_id, transport=transport)
    transport = Transport()
    if name == "workload_identity":
        return identity.WorkloadIdentityCredential(transport=transport, **authority)
    if name == "environment":
        return identity.EnvironmentCredential(transport=transport, **authority)
    return identity.DefaultAzureCredential(transport=transport, **authority)


def _made(setting: Mapping[str, Any]) -> Any:
    # By key, since the mapping that dictConfig passes resolves ext:// only so.
    made = _factory(setting)(**{name: setting[name] for name in setting if name != "()"})
    if not hasattr(made, "get_token"):
        raise ConfigError(f"credential: {setting['()']!r} made {made!r}, which has no get_token.")
    return made


def _factory(setting: Mapping[str, Any]) -> Any:
    factory = setting["()"]
    if isinstance(factory, str):
        try:
            return resolve(factory)
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"credential: the factory {factory!r} cannot be imported: {error}.") from None
    return factory
