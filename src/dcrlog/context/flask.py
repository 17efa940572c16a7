"""Request context for Flask: `init_app(app)`."""

import sys
from typing import Any

import flask

from dcrlog.context.wsgi import RequestContext


def init_app(app: flask.Flask, *, trusted_proxies: int = 0) -> None:
    """Bind `request_id`, `method`, `path`, `status`, `user` and `client` around each request.

    `user` is Flask-Login's id of the user, once the application has loaded the user; nothing is loaded for
    it. Of other users, tell `dcrlog.context.update(user=...)`.

    Args:
        app: The application. Its `wsgi_app` is wrapped.
        trusted_proxies: How many proxies of one's own append to `X-Forwarded-For`; 0 ignores that header.
    """
    wrapped: Any = app  # a method by its type, but Flask's documentation wraps it so
    wrapped.wsgi_app = RequestContext(app.wsgi_app, trusted_proxies=trusted_proxies, late_user=_login_user)


def _login_user() -> object:
    login = sys.modules.get("flask_login")
    if login is None or not flask.has_request_context():
        return None
    user = flask.g.get("_login_user")
    if user is None or isinstance(user, login.AnonymousUserMixin):
        return None
    # Not user.get_id(), which may ask a database. Flask-Login itself has read the session before.
    return flask.session.get("_user_id")
