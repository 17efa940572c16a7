"""The credential that a `credential` setting asks for. Called in a sender's thread only."""

import os
import threading
from collections.abc import Mapping
from typing import Any

from dcrlog._endpoint import Endpoint
from dcrlog._environment import resolve
from dcrlog.errors import ConfigError, DcrlogError


class TokenError(DcrlogError):
    """No token was to be had. The cause is what the credential raised."""


class Credential:
    """Tells a failure to get a token apart from a refusal of the ingestion service.

    One thread asks at a time: 16 threads that start together would ask the login service 16 times.

    Args:
        credential: Where tokens come from.
        is_ours: Whether nobody else can have it, so that `close` may close it.
    """

    def __init__(self, credential: Any, *, is_ours: bool) -> None:
        self._credential = credential
        self._is_ours = is_ours
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Get a token from the credential behind this one.

        Raises:
            TokenError: The credential raised.
        """
        try:
            with self._lock:
                return self._credential.get_token(*scopes, **options)
        except Exception as error:
            raise TokenError from error

    def close(self) -> None:
        """Close the connections to the login service, unless the credential belongs to the application."""
        close = getattr(self._credential, "close", None)
        if self._is_ours and close is not None:
            close()


def open_credential(setting: Any, endpoint: Endpoint) -> Credential:
    """Build the credential, or take the one that was given, so that it can be closed in the end.

    Raises:
        ConfigError: A factory could not be imported, or made something that is no credential.
    """
    # A class makes a new object; a function may return one that others use as well.
    is_ours = isinstance(setting, str) or (
        isinstance(setting, Mapping) and isinstance(_factory(setting), type)
    )
    return Credential(make_credential(setting, endpoint), is_ours=is_ours)


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

    follows_cloud = endpoint.authority is not None and not os.environ.get("AZURE_AUTHORITY_HOST")
    authority = {"authority": endpoint.authority} if follows_cloud else {}
    if name == "managed_identity":
        return identity.ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID") or None)
    if name == "azure_cli":
        return identity.AzureCliCredential()
    if name == "workload_identity":
        return identity.WorkloadIdentityCredential(**authority)
    if name == "environment":
        return identity.EnvironmentCredential(**authority)
    return identity.DefaultAzureCredential(**authority)


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
