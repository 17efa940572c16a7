"""What tests of the emulator's page read it with."""

import json
from html.parser import HTMLParser

import requests

VOID = {"br", "input", "link", "meta", "polyline"}


class Page(HTMLParser):
    """A document: every tag with its attributes, the text, and the text by id of the nearest ancestor."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], {}, []
        self.feed(text)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append((tag, dict(attributes).get("id")))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        for found in {found for _, found in self._open if found} | {None}:
            self.texts[found] = self.texts.get(found, "") + data

    def all(self, tag, **wanted):
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]


class Stream:
    """The events of an open page."""

    def __init__(self, emulator, query="", headers=None):
        self._session = requests.Session()
        self._session.trust_env = False
        address = f"{emulator.http_endpoint}/_emulator/page/events?table=AppLogs_CL{query}"
        self._answer = self._session.get(address, headers=headers, stream=True, timeout=20)
        assert self._answer.headers["Content-Type"].startswith("text/event-stream")
        self.last_id = None
        self._events = self._read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answer.close()
        self._session.close()

    def __iter__(self):
        return self._events

    def named(self, name):
        return (content for found, content in self._events if found == name)

    def _read(self):
        event = {}
        try:
            for line in self._answer.iter_lines(decode_unicode=True):
                key, _, value = line.partition(": ")
                event[key] = value
                if not line and "data" in event:
                    self.last_id = event["id"]
                    yield event["event"], json.loads(event["data"])
                    event = {}
        except requests.exceptions.ChunkedEncodingError:
            return


def events(emulator, query, names):
    """The first event of each name, in that order."""
    with Stream(emulator, f"&{query[1:]}") as opened:
        return [next(opened.named(name)) for name in names]
