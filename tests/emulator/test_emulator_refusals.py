"""Each request that Azure refuses is refused, with the documented status, code and text."""

import gzip
import socket
import zlib

import pytest

from dcrlog.emulator import Emulator

pytestmark = pytest.mark.usefixtures("emulator")


def test_no_token_is_refused(emulator, post):
    """Without an Authorization header the answer is 401."""
    answer = post(emulator, [{}], headers={"Authorization": None})

    assert (answer.status_code, error(answer)) == (
        401,
        ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
    )


def test_an_expired_token_is_refused(emulator, post):
    """A token that expired a second ago is no longer good."""
    answer = post(emulator, [{}], token=emulator.token(expires_in=-1))

    assert answer.status_code == 401
    assert error(answer)[0] == "ExpiredAuthenticationToken"
    assert "is earlier than current UTC time" in error(answer)[1]


@pytest.mark.parametrize("audience", ["https://management.azure.com", "https://monitor.azure.com//", ""])
def test_a_token_for_another_audience_is_refused(emulator, post, audience):
    """The classic mistake, a token for management.azure.com, is answered InvalidAudience."""
    answer = post(emulator, [{}], token=emulator.token(audience))

    assert (answer.status_code, error(answer)[0]) == (401, "InvalidAudience")


@pytest.mark.parametrize("cloud", ["com", "cn", "us"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_audience_of_every_cloud_is_taken(emulator, post, cloud, slash):
    """The audiences of the three clouds are good, with and without a slash at the end."""
    answer = post(emulator, [{}], token=emulator.token(f"https://monitor.azure.{cloud}{slash}"))

    assert answer.status_code == 204


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "..", "\xff.\xff.\xff", "eyJ.eyJ."])
def test_a_token_that_is_none_is_refused(emulator, post, token):
    """Text that the emulator has not signed is answered 401, whatever it looks like."""
    answer = post(emulator, [{}], headers={"Authorization": f"Bearer {token}".encode("latin-1")})

    assert (answer.status_code, error(answer)[0]) == (401, "InvalidAuthenticationToken")


def test_a_token_of_another_emulator_is_refused(emulator, post):
    """Each emulator signs with a secret of its own."""
    answer = post(emulator, [{}], token=Emulator().token())

    assert (answer.status_code, error(answer)[0]) == (401, "InvalidAuthenticationToken")


def test_a_token_whose_claims_were_changed_is_refused(emulator, post):
    """The signature covers the claims."""
    header, _, signature = emulator.token(expires_in=-1).split(".")
    _, claims, _ = Emulator().token().split(".")
    answer = post(emulator, [{}], token=f"{header}.{claims}.{signature}")

    assert (answer.status_code, error(answer)[0]) == (401, "InvalidAuthenticationToken")


def test_a_bearer_without_the_role_is_refused(emulator, post):
    """The answer is the real 403, down to the words."""
    answer = post(emulator, [{}], token=emulator.token(role=False))
    code, message = error(answer)

    assert (answer.status_code, code) == (403, "OperationFailed")
    assert message.startswith(
        "The authentication token provided does not have access to ingest data for the data collection rule "
        f"with immutable Id '{emulator.rule_id}' PipelineAccessResult: AccessGranted: False, IsRbacPresent: "
        "False, IsDcrDceBindingValid: , DcrArmId: "
    )
    assert "Message: Required authorization action was not found for tenantId " in message


def test_an_unknown_rule_is_refused(emulator, post):
    """The text is the one that the official tests assert."""
    answer = post(emulator, [{}], rule_id="dcr-00000000000000000000000000000000")

    assert (answer.status_code, error(answer)) == (
        404,
        (
            "NotFound",
            "Data collection rule with immutable Id 'dcr-00000000000000000000000000000000' not found.",
        ),
    )


def test_an_unknown_stream_is_refused(emulator, post):
    """A stream that the rule does not declare is answered 400 InvalidStream."""
    answer = post(emulator, [{}], stream="Custom-Nothing")

    assert (answer.status_code, error(answer)[0]) == (400, "InvalidStream")


def test_one_byte_over_the_limit_is_refused(emulator, post):
    """1,048,577 bytes on the wire are one too many."""
    answer = post(emulator, b"[" + b" " * 1_048_575 + b"]")

    assert (answer.status_code, error(answer)) == (
        413,
        (
            "ContentLengthLimitExceeded",
            "Maximum allowed content length: 1048576 bytes (1 MB). Provided content length: 1048577 bytes.",
        ),
    )
    assert emulator.requests()[-1]["raw_bytes"] == 1_048_577


def test_exactly_the_limit_is_taken(emulator, post):
    """1,048,576 bytes on the wire are accepted."""
    answer = post(emulator, b"[" + b" " * 1_048_574 + b"]")

    assert answer.status_code == 204


def test_the_limit_counts_bytes_on_the_wire(emulator, post):
    """A body of 3 MB that compresses to less than 1 MiB is accepted."""
    body = b"[" + b'{"Message": "%b"},' % (b"same" * 75) * 10_000 + b"{}]"
    answer = post(emulator, gzip.compress(body, 1), headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 204
    assert len(body) > 3_000_000
    assert emulator.count("AppLogs_CL") == 10_001


def test_a_much_too_long_body_still_gets_its_answer(emulator, post):
    """A client that is busy sending 20 MB reads the 413, not a broken connection."""
    answer = post(emulator, bytes(20_000_000))

    assert (answer.status_code, error(answer)[0]) == (413, "ContentLengthLimitExceeded")


def test_a_gzip_bomb_is_refused(emulator, post):
    """A body that decompresses to over 50 MiB is refused before it takes the memory."""
    bomb = gzip.compress(bytes(60_000_000), 1)
    answer = post(emulator, bomb, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, error(answer)[0]) == (413, "PayloadSizeLimitExceeded")


def test_a_gzip_bomb_in_many_members_is_refused(emulator, post):
    """The limit is on all members of a gzip body together."""
    bomb = gzip.compress(b" " * 6_000_000) * 10
    answer = post(emulator, bomb, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, error(answer)[0]) == (413, "PayloadSizeLimitExceeded")


def test_a_bomb_of_empty_objects_is_refused(emulator, post):
    """Millions of empty objects, whose Python form would take gigabytes, are not decoded."""
    bomb = gzip.compress(b"[" + b"{}," * 2_000_000 + b"{}]")
    answer = post(emulator, bomb, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, error(answer)[0]) == (413, "PayloadSizeLimitExceeded")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\x1f\x8b",
        gzip.compress(b"[]")[:-1],
        gzip.compress(b"[]")[:-8] + bytes(8),
        gzip.compress(b"[]") + b"rest",
        zlib.compress(b"[]"),
    ],
    ids=["empty", "plain", "cut in the header", "cut at the end", "wrong checksum", "rest", "zlib"],
)
def test_broken_gzip_is_refused(emulator, post, body):
    """The text is the service's own, its slip included."""
    answer = post(emulator, body, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, error(answer)) == (
        400,
        ("InvalidCompressedData", "Compressed data in invalid."),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[{}",
        b"nothing",
        b'[{"Line": NaN}]',
        b'[{"Line": Infinity}]',
        b'[{"Message": "\xff"}]',
        b'[{"Message": "\\ud800"}]',
        b"[" * 100_000,
        b'[{"Properties": ' + b"[" * 499 + b"]" * 499 + b"}]",
        b"[1]",
        b"[{}, []]",
        b'"text"',
        b"null",
        b"[] []",
    ],
)
def test_broken_json_is_refused(emulator, post, body):
    """One bad byte fails the whole body, and nothing of it is stored."""
    answer = post(emulator, body)

    assert (answer.status_code, error(answer)[0]) == (400, "MalformedJson")
    assert error(answer)[1].startswith("Malformed JSON: ")
    assert emulator.rows("AppLogs_CL") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MissingApiVersionParameter"),
        ("?api-version=2019-01-01", "InvalidApiVersionParameter"),
        ("?api-version=", "MissingApiVersionParameter"),
    ],
)
def test_an_unknown_api_version_is_refused(emulator, post, query, code):
    """One of the versions that have a specification is required."""
    answer = post(emulator, [{}], query=query)

    assert (answer.status_code, error(answer)[0]) == (400, code)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(emulator, post, content_type):
    """The API takes application/json."""
    answer = post(emulator, b"[{}]", headers={"Content-Type": content_type})

    assert (answer.status_code, error(answer)[0]) == (415, "UnsupportedMediaType")


def test_another_content_encoding_is_refused(emulator, post):
    """Gzip is the only encoding that the API knows."""
    answer = post(emulator, b"[{}]", headers={"Content-Encoding": "br"})

    assert (answer.status_code, error(answer)[0]) == (415, "UnsupportedContentEncoding")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Transfer-Encoding: chunked", "Content-Length: 4"], 400),
        (["Transfer-Encoding: chunked"], 411),
        ([], 411),
        (["Content-Length: 4", "Content-Length: 5"], 400),
        (["Content-Length: -4"], 400),
        (["Content-Length: 4x"], 400),
    ],
)
def test_an_ambiguous_length_is_refused(emulator, lines, status):
    """A request has one Content-Length and no transfer coding."""
    answer = exchange(emulator, request_head(emulator, *lines) + b"[{}]")

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert emulator.rows("AppLogs_CL") == []


def test_a_header_of_100_kilobytes_is_refused(emulator):
    """Headers are limited to 64 KB."""
    answer = exchange(emulator, request_head(emulator, "X-Long: " + "x" * 100_000))

    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example", "localhost@attacker.example"]
)
def test_a_foreign_host_is_refused(emulator, post, host):
    """A name that somebody pointed at 127.0.0.1 reaches neither the tables nor the tokens (DNS rebinding)."""
    answer = post(emulator, [{}], headers={"Host": host})

    assert (answer.status_code, error(answer)[0]) == (421, "MisdirectedRequest")
    assert emulator.rows("AppLogs_CL") == []


def test_an_unknown_path_is_refused_and_logged(emulator, post):
    """A mistyped address is answered 404 and shows in the log."""
    answer = post(emulator, [{}], path="/dataCollectionRule/dcr-1/streams/Custom-AppLogs")

    assert (answer.status_code, error(answer)[0]) == (404, "NotFound")
    assert emulator.requests()[-1]["kind"] == "other"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("TRACE", "/"),
        ("ANY", "/dataCollectionRules"),
        ("GET", "/_emulator/row"),
        ("POST", "/_emulator/rows/T"),
    ],
)
def test_what_nothing_answers_is_answered_alike(emulator, web, method, path):
    """Whatever the method, and below `/_emulator` too: with a code, an id and a line in the log."""
    answer = web.request(method, f"{emulator.http_endpoint}{path}")

    assert (answer.status_code, error(answer)[0]) == (404, "NotFound")
    assert answer.headers["x-ms-request-id"] == emulator.requests()[-1]["request_id"]


def test_a_refusal_bears_the_recorded_headers(emulator, post):
    """The error code is also a header, and the client's request id comes back."""
    answer = post(
        emulator,
        [{}],
        rule_id="dcr-1",
        headers={"x-ms-client-request-id": "5ff1ad9a-4bb3-4b3c-9b2c-d1d38fb58e4f"},
    )

    assert answer.headers["x-ms-error-code"] == "NotFound"
    assert answer.headers["x-ms-client-request-id"] == "5ff1ad9a-4bb3-4b3c-9b2c-d1d38fb58e4f"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-ms-request-id"] == emulator.requests()[-1]["request_id"]


def test_every_refusal_is_logged(emulator, post):
    """The log shows status and code of a request that stored nothing."""
    post(emulator, [{}], stream="Custom-Nothing")
    (entry,) = emulator.requests()

    assert (entry["kind"], entry["status"], entry["error"]) == ("ingestion", 400, "InvalidStream")
    assert (entry["rows_in"], entry["rows_stored"]) == (0, 0)


def error(answer):
    body = answer.json()["error"]
    return body["code"], body["message"]


def request_head(emulator, *lines):
    path = f"/dataCollectionRules/{emulator.rule_id}/streams/Custom-AppLogs?api-version=2023-01-01"
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {emulator.token()}",
        "Content-Type: application/json",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode()


def exchange(emulator, sent):
    port = int(emulator.http_endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        return connection.recv(65_536)


def test_a_browser_that_strays_is_not_told_to_give_up_http(emulator, web):
    """Strict-Transport-Security for localhost would break every other program with a page on this machine."""
    assert "Strict-Transport-Security" not in web.get(f"{emulator.http_endpoint}/favicon.ico").headers
