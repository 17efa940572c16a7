"""A secret of every shipped kind, as applications log it: the text, and the part that nobody may read."""

import base64
from urllib.parse import quote

PASSWORD = "hunter2xyz"
TOKEN = "q8Zt4kP1vN7sW3xB"
_KEY = base64.b64encode(bytes(range(64))).decode()
_KEY_IN_URL = quote(_KEY, safe="")
_SIGNATURE = "kT3vX0b%2Fq1Zr8yH5mN2pW7sC4dF6gJ9aL%2BeUoRiYwQ%3D"
_SHORT_KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE="

SAMPLES = {
    "authorization": [
        (f"Authorization: SharedKey myaccount:{_SHORT_KEY}", _SHORT_KEY),
        (f"Authorization: SharedAccessSignature sr=h&sig={_SIGNATURE}&se=1&skn=k", _SIGNATURE),
        (f"Authorization: Digest username=u, response={TOKEN}", TOKEN),
        (f"authorization:{TOKEN}", TOKEN),
        (f"Authorization:\t{TOKEN}", TOKEN),
        (f"Authorization:  {TOKEN}", TOKEN),
    ],
    "bearer token": [
        (f"sent with Bearer {TOKEN}", TOKEN),
        (f"Authorization: bearer  {TOKEN}.{TOKEN}", TOKEN),
        (f"Authorization: Basic {base64.b64encode(b'user:pass').decode()}==", "dXNlcjpwYXNz"),
        (f"[(b'authorization', b'Bearer {TOKEN}')]", TOKEN),
        (f"Authorization%3A%20Bearer%20{TOKEN}", TOKEN),
        (f"header=Bearer+{TOKEN}", TOKEN),
    ],
    "JWT": [
        (f"got eyJhbGciOi.eyJ{PASSWORD}.{TOKEN}", TOKEN),
        (f"token_eyJhbGciOi.eyJ{PASSWORD}.", PASSWORD),
        (f"eyJhbGciOiJSU0EifQ.{PASSWORD}.iviviv.{TOKEN}.tagtag", TOKEN),
    ],
    "PEM block": [
        (f"-----BEGIN RSA PRIVATE KEY-----\n{TOKEN}\n-----END RSA PRIVATE KEY-----", TOKEN),
        (f"-----BEGIN OPENSSH PRIVATE KEY-----\\n{TOKEN}\\n-----END OPENSSH PRIVATE KEY-----", TOKEN),
        (f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{TOKEN}", TOKEN),
        (
            f"-----BEGIN%20RSA%20PRIVATE%20KEY-----%0A{TOKEN}%0A-----END%20RSA%20PRIVATE%20KEY-----",
            TOKEN,
        ),
        (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{TOKEN}\n-----END PGP PRIVATE KEY BLOCK-----", TOKEN),
    ],
    "SAS signature": [
        (f"https://acc.blob.core.windows.net/c/b?sv=2024&sig={_SIGNATURE}&se=1", _SIGNATURE),
        (f"https://h/?sig={PASSWORD}", PASSWORD),
        (f"BlobEndpoint=https://h/;SharedAccessSignature=sig={_SIGNATURE}&sv=1", _SIGNATURE),
        (f"u=https%3A%2F%2Fh%2F%3Fsig%3D{_SIGNATURE}", _SIGNATURE),
        (f"https://h/?sv=1\\u0026sig={_SIGNATURE}", _SIGNATURE),
        (f"https://h/?sv=1\\u0026sig={PASSWORD}", PASSWORD),
        (f'<a href="https://h/?sv=1&amp;sig={PASSWORD}">', PASSWORD),
        (f"u=https%253A%252F%252Fh%252F%253Fsv%253D1%2526sig%253D{PASSWORD}", PASSWORD),
    ],
    "code in a URL": [(f"https://f.azurewebsites.net/api/x?code={TOKEN}{TOKEN}==", TOKEN)],
    "URL with a password": [
        (f"postgres://user:{PASSWORD}@db:5432/x", PASSWORD),
        (f"redis://:{PASSWORD}@h", PASSWORD),
        (f"amqp://u:pa@{PASSWORD}@h/vhost", PASSWORD),
        (f"https://{TOKEN}@sentry.example/42", TOKEN),
    ],
    "key or password with its name": [
        (f"Password={PASSWORD};", PASSWORD),
        (f"client_secret={PASSWORD}&grant_type=x", PASSWORD),
        (f"SECRET_KEY = {PASSWORD}", PASSWORD),
        (f"access_token={PASSWORD}", PASSWORD),
        (f"{{'db_password': '{PASSWORD}', 'a': 1}}", PASSWORD),
        (f'{{"client_secret":"a\\"{PASSWORD}"}}', PASSWORD),
        (f'{{\\"client_secret\\":\\"{PASSWORD}\\"}}', PASSWORD),
        (f"password='{PASSWORD} {TOKEN}'", TOKEN),
        (f"Headers([('X-Api-Key', '{TOKEN}'), ('Cookie', 'sid={PASSWORD}')])", TOKEN),
        (f"Headers([('X-Api-Key', '{TOKEN}'), ('Cookie', 'sid={PASSWORD}')])", PASSWORD),
        (f"{{b'x-functions-key': b'{TOKEN}'}}", TOKEN),
        (f'"secret": ["{TOKEN}", "{PASSWORD}"]', PASSWORD),
        # Connection strings: Azure Storage, Cosmos DB, Service Bus and Event Hubs, SQL, App Configuration.
        (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={_KEY};EndpointSuffix=s", _KEY[:-2]),
        (f"AccountEndpoint=https://c.documents.azure.com:443/;AccountKey={_KEY};", _KEY[:-2]),
        (
            f"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={_SHORT_KEY}",
            _SHORT_KEY,
        ),
        (f"Endpoint=sb://n/;SharedAccessKey={_SHORT_KEY};EntityPath=hub", _SHORT_KEY),
        (f"Endpoint=https://a.azconfig.io;Id=i;Secret={_SHORT_KEY}", _SHORT_KEY),
        (
            f"Server=tcp:s.database.windows.net,1433;User ID=u;Password=a'b,c&d {PASSWORD};Encrypt=True",
            PASSWORD,
        ),
        (f"Driver={{ODBC Driver 18}};Uid=u;Pwd={{a;b {PASSWORD}}};", PASSWORD),
        (f'Server=s;Password="a;b {PASSWORD}";Encrypt=True', PASSWORD),
        (f"c=DefaultEndpointsProtocol%3Dhttps%3BAccountName%3Da%3BAccountKey%3D{_KEY_IN_URL}", _KEY_IN_URL),
        (f"password => {PASSWORD}", PASSWORD),
        (f'{{:password=>"{PASSWORD}"}}', PASSWORD),
        (f'{{"password" => "{PASSWORD}"}}', PASSWORD),
        (f"password := {PASSWORD}", PASSWORD),
        (f"password='''a\n{PASSWORD}'''", PASSWORD),
        (repr(f"it's \"password='''a {PASSWORD}'''\""), PASSWORD),
        (f'token = """a "{PASSWORD}"""', PASSWORD),
        (f'{{"name": "db_password", "value": "{PASSWORD}"}}', PASSWORD),
        (f"{{'name': 'password', 'value': '{PASSWORD}'}}", PASSWORD),
        (f'{{\\"name\\": \\"password\\", \\"value\\": \\"{PASSWORD}\\"}}', PASSWORD),
        (f'<add key="password" value="{PASSWORD}"/>', PASSWORD),
        (f"<password>{PASSWORD}</password>", PASSWORD),
        (f"Cookie: sid={PASSWORD}; csrf={TOKEN}", TOKEN),
        (f"set-cookie: sid={PASSWORD}; HttpOnly", PASSWORD),
        (f"x-api-key: {PASSWORD}", PASSWORD),
        (f"Ocp-Apim-Subscription-Key: {PASSWORD}", PASSWORD),
        (f"password: {PASSWORD}", PASSWORD),
        (f"x-auth-token: {TOKEN}", TOKEN),
        (f"aeg-sas-key: {PASSWORD}", PASSWORD),
    ],
    "account key": [
        (f"the key is {_KEY}", _KEY[:-2]),
        (f"({_KEY})", _KEY[:-2]),
        (f"k={_KEY_IN_URL}&", _KEY_IN_URL),
    ],
    "client secret": [("the secret is Abc8Q~0123456789abcdefghijABCDEFGHIJ.~-_", "0123456789abcdefghij")],
    "card number": [
        ("card 4111111111111111 refused", "4111111111111111"),
        ("card 4111 1111 1111 1111 12/27", "4111 1111 1111 1111"),
        ("card_5555-5555-5555-4444", "5555-5555-5555-4444"),
        ("2345 4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("amex 3782 822463 10005.", "3782 822463 10005"),
        ("6011111111111117", "6011111111111117"),
        ("visa 4222222222222", "4222222222222"),
        ("unionpay 6200000000000000000", "6200000000000000000"),
        ("mir/mc 2223003122003222, jcb 3530111333300000", "2223003122003222"),
        ("mir/mc 2223003122003222, jcb 3530111333300000", "3530111333300000"),
        ("diners 3056 930902 5904", "3056 930902 5904"),
    ],
}
"""By the name of the kind in `dcrlog._secrets`; cards, which have a checksum instead of a pattern, last."""

EVERY = [(text, secret) for texts in SAMPLES.values() for text, secret in texts]
