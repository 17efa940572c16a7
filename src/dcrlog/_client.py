"""One upload through the official client, and what its answer or failure says.

azure-* is imported at the first `send`, in a sender's thread; the imports take a third of a
second and 31 MiB.
"""

import dataclasses
import io
import threading
from typing import Any

from dcrlog._attempt import begin_attempt
from dcrlog._endpoint import Endpoint
from dcrlog._failures import answer_of, claims_of
from dcrlog._forking import FORK_GUARD
from dcrlog._retry import Answer
from dcrlog._sharing import SharedClient, enter


class ClientSender:
    """Sends bodies through `azure.monitor.ingestion.LogsIngestionClient`.

    Args:
        endpoint: Where to.
        rule_id: The rule's immutable id.
        stream_name: The stream of the rule.
        credential: The `credential` setting.
    """

    def __init__(self, endpoint: Endpoint, rule_id: str, stream_name: str, credential: Any) -> None:
        self._endpoint = endpoint
        self._rule_id = rule_id
        self._stream_name = stream_name
        self._setting = credential
        self._shared: SharedClient | None = None
        self._opening = threading.Lock()
        self._renewed_from = -1

    def send(self, body: bytes, *, request_id: str, timeout: float) -> Answer:
        """Upload a gzipped body once. Never raises; what went wrong is in the answer.

        Args:
            body: The rows.
            request_id: The client's id of this request.
            timeout: Seconds. Imports, name resolution, each further address of a host, the way of the body,
                and a credential that starts a program or that the application made, may take longer.
        """
        begin_attempt(timeout)
        try:
            return self._upload(body, request_id)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return answer_of(error, request_id)

    def close(self) -> None:
        """Let go of the client, which is closed with its last user; a later `send` takes one again."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.leave(self)

    def _upload(self, body: bytes, request_id: str) -> Answer:
        shared, renewals = self._begin_request()
        try:
            shared.client.upload(
                self._rule_id,
                self._stream_name,
                # Through a stream that starts with the gzip magic the client sends our bytes as they are;
                # a list it would serialise twice, and miscount (azure-monitor-ingestion 1.1.0).
                io.BytesIO(body),
                request_id=request_id,
                enforce_https=not self._endpoint.is_plain_http,
                tracing_options={"enabled": False},
            )
        except Exception as error:
            answer = answer_of(error, request_id)
            if answer.status == 401 and self._may_renew(renewals):
                shared.renew_token(renewals, claims_of(error))
                answer = dataclasses.replace(answer, is_token_renewed=True)
            return answer
        finally:
            shared.end_request()
        if renewals > self._renewed_from:
            self._renewed_from = -1
        return Answer(status=204, request_id=request_id)

    def _may_renew(self, renewals: int) -> bool:
        """Whether to ask for another token than the one refused: once, until rows of ours are taken."""
        if self._renewed_from in {-1, renewals}:
            self._renewed_from = renewals
            return True
        return False

    def _begin_request(self) -> tuple[SharedClient, int]:
        shared = self._shared
        # `close` may come from another thread at any point, and a client that is closed stays so.
        while shared is None or (renewals := shared.begin_request()) is None:
            with FORK_GUARD.section(), self._opening:
                if self._shared is shared:
                    self._shared = enter(self, self._endpoint, self._setting)
                shared = self._shared
        return shared, renewals
