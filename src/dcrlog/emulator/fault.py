"""One fault as it is ordered, from Python, JSON or the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final

import msgspec

from dcrlog.emulator.fault_settings import CHECKS, NEEDS, TAKES, Action, Compression, Kind
from dcrlog.errors import ConfigError, shown

_MAX_BODY: Final = 64 * 1024 * 1024
_NO_BODY: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong, and the requests that it hits.

    Args:
        action: What happens. `"status"` answers with `status`, and stores nothing. `"delay"` handles the
            request at once and answers `seconds` later; `"drip"` spreads the answer, headers included, over
            so many seconds. `"hang"` reads the request and never answers. `"reset_before"` and
            `"reset_after"` reset the connection before and after the body is read, and store nothing.
            `"lose_reply"` handles the request and resets the connection instead of answering;
            `"cut_reply"` does so after half of the answer. `"throttle"` answers 429 to what exceeds
            `requests` or `bytes`.
        kind: The requests that count: `"ingestion"`, or `"token"` for those that ask for a token.
        stream: Only requests for this stream count.
        containing: Only requests count in whose rows, as compact JSON, this text occurs.
        nth: Hits the requests of this number, or of these, among those that count since the fault was added;
            the first has number 1.
        rate: Hits this share of the requests that count, in an order that follows from `seed`.
        seed: Another seed, another order; 0 unless given.
        times: Ends after so many hits.
        status: The status of the answer. With `"delay"`, `"drip"` and `"cut_reply"` it replaces what
            the request would be answered, and nothing is stored.
        code: The error code; otherwise one that goes with the status.
        body: A body in place of the usual error.
        repeat: The body is this many times the given one.
        gzip: `"whole"` compresses the body, `"broken"` sends what cannot be decompressed.
        headers: Further headers; they win over the usual ones.
        retry_after: The header Retry-After; text is sent as it is.
        seconds: How long a delay or a drip takes.
        requests: What a throttle lets through in a window; 12,000 unless given, as in the service.
        bytes: Bytes on the wire that a throttle lets through in a window; 2 GiB unless given.
        window: Seconds after which a throttle counts anew; 60 unless given.

    Raises:
        ConfigError: A setting is wrong, is missing, or does nothing beside the others.
    """

    action: Action
    _: KW_ONLY
    kind: Kind = "ingestion"
    stream: str | None = None
    containing: str | None = None
    nth: int | Sequence[int] | None = None
    rate: float | None = None
    seed: int | None = None
    times: int | None = None
    status: int | None = None
    code: str | None = None
    body: str | None = None
    repeat: int | None = None
    gzip: Compression | None = None
    headers: Mapping[str, str] | None = None
    retry_after: str | float | None = None
    seconds: float | None = None
    requests: int | None = None
    bytes: int | None = None
    window: float | None = None

    def __post_init__(self) -> None:
        given = self.settings()
        for name, value in given.items():
            fits, wanted = CHECKS[name]
            if not fits(value):
                raise ConfigError(f"a fault's {name} must be {wanted}; got {shown(value)}.")
        takes = TAKES[self.action]
        for name in given:
            if name not in takes:
                known = ", ".join(sorted(takes - {"action"}))
                raise ConfigError(
                    f"{name!r} does nothing with action {self.action!r}. Leave it out; it takes: {known}."
                )
            if (other := NEEDS.get(name)) is not None and other not in given:
                raise ConfigError(
                    f"a fault's {name!r} does nothing without {other!r}. Add that, or leave it out."
                )
        if (needed := NEEDS.get(self.action)) is not None and needed not in given:
            raise ConfigError(f"a fault with action {self.action!r} needs {needed!r}.")
        self._check_pairs(given)

    def settings(self) -> dict[str, Any]:
        """Return what was given, as JSON values."""
        always = {"action": self.action, "kind": self.kind}
        given = {name: value for name in CHECKS if (value := getattr(self, name)) is not None}
        return always | given

    def _check_pairs(self, given: Mapping[str, Any]) -> None:
        if "nth" in given and "rate" in given:
            raise ConfigError("a fault has 'nth' or 'rate', not both. Add two faults instead.")
        for name in ("stream", "containing"):
            if self.kind == "token" and name in given:
                raise ConfigError(
                    f"{name!r} does nothing with kind 'token': such requests have no stream, no rows."
                )
        if self.status in _NO_BODY and (self.body or self.gzip):
            raise ConfigError(
                f"an answer with status {self.status} has no body. Leave out 'body' and 'gzip'."
            )
        if len(self.body or "") * (self.repeat or 1) > _MAX_BODY:
            raise ConfigError(
                f"a fault's body may have {_MAX_BODY} characters, repeated ones included. Repeat it less."
            )


def parse_faults(text: str | bytes) -> list[Fault]:
    """Read one fault, or an array of them, from JSON.

    Raises:
        ConfigError: It is no JSON, or a fault in it is wrong.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError(f"faults must be JSON, got {shown(text)}: {error}.") from None
    return [_fault(item) for item in (document if isinstance(document, list) else [document])]


def _fault(item: Any) -> Fault:
    if not isinstance(item, dict):
        raise ConfigError(f'a fault must be a JSON object such as {{"action": "hang"}}, got {shown(item)}.')
    if unknown := sorted(item.keys() - CHECKS.keys()):
        raise ConfigError(f"a fault has no {shown(unknown[0])}. It has: {', '.join(CHECKS)}.")
    if "action" not in item:
        raise ConfigError(f"a fault needs an 'action', got {shown(item)}.")
    return Fault(**item)
