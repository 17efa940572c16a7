"""The official query client, pointed at an emulator."""

from contextlib import contextmanager

from azure.identity import ClientSecretCredential

from dcrlog.emulator import auth


def credential_of(emulator):
    """A credential that asks the emulator for tokens."""
    return ClientSecretCredential(
        auth.TENANT,
        auth.CLIENT_ID,
        auth.CLIENT_SECRET,
        authority=emulator.endpoint,
        connection_verify=emulator.ca_bundle,
    )


@contextmanager
def query_client(emulator):
    """The real client; it does not ask again where it is refused."""
    from azure.monitor.query import LogsQueryClient

    with (
        credential_of(emulator) as credential,
        LogsQueryClient(
            credential, endpoint=emulator.endpoint, connection_verify=emulator.ca_bundle, retry_total=0
        ) as client,
    ):
        yield client
