"""A SPARQL store for tests: pyoxigraph behind the address, the forms and the answers of the platform's Blazegraph, which also
misbehaves on request."""
import json
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable

import pyoxigraph

PATH = "/bigdata/namespace/kb/sparql"


@dataclass
class Answer:
    """What the store says instead of the truth."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/sparql-results+json"
    announced: int | None = None  # Content-Length, where it is not that of the body
    delay: float = 0.0


class SparqlStore:
    """`with SparqlStore() as store:` serves on a free port of this machine; `store.address(mrid)` is what `dec` takes."""

    def __init__(self):
        self.triples = pyoxigraph.Store()
        self.queries: list[str] = []  # all that arrived
        self.instead: Callable[[int, str], Answer | None] | None = None  # by number of the query, from 0, and its text
        self.most_rows: int | None = None  # of one answer, as some servers have it
        self.lock = threading.Lock()

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}{PATH}"

    def address(self, mrid=None):
        return f"sparql+{self.url}" + (f"?mrid={mrid}" if mrid else "")

    def load(self, text):
        """RDF/XML; returns how many triples are new."""
        before = len(self.triples)
        self.triples.bulk_load(text, format=pyoxigraph.RdfFormat.RDF_XML, base_iri=self.url)
        return len(self.triples) - before

    def answer(self, query, as_json):
        solutions = self.triples.query(query)
        kind = pyoxigraph.QueryResultsFormat.JSON if as_json else pyoxigraph.QueryResultsFormat.XML
        if not as_json or self.most_rows is None:
            return solutions.serialize(format=kind)
        result = json.loads(solutions.serialize(format=kind))
        del result["results"]["bindings"][self.most_rows :]
        return json.dumps(result).encode()


def handler_of(store):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece, not head and body with a wait between them

        def log_message(self, *arguments):
            pass

        def say(self, answer):
            time.sleep(answer.delay)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body) if answer.announced is None else answer.announced))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.announced is not None:
                self.close_connection = True

        def body(self):
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def query(self, query):
            with store.lock:
                number = len(store.queries)
                store.queries.append(query)
            if store.instead and (answer := store.instead(number, query)):
                return self.say(answer)
            as_json = "json" in self.headers.get("Accept", "")
            try:
                body = store.answer(query, as_json)
            except (SyntaxError, ValueError) as error:
                return self.say(Answer(400, f"java.lang.Exception: {error}".encode(), "text/plain"))
            self.say(Answer(200, body, f"application/sparql-results+{'json' if as_json else 'xml'}"))

        def do_GET(self):
            address = urllib.parse.urlsplit(self.path)
            fields = urllib.parse.parse_qs(address.query)
            if address.path != PATH:
                return self.say(Answer(404, b"<html><body>not found</body></html>", "text/html"))
            self.query(fields["query"][0])

        def do_POST(self):
            address = urllib.parse.urlsplit(self.path)
            body = self.body()
            if address.path != PATH:
                return self.say(Answer(404, b"<html><body>not found</body></html>", "text/html"))
            kind = self.headers.get("Content-Type", "").split(";")[0]
            if kind == "application/x-www-form-urlencoded":
                fields = urllib.parse.parse_qs(body.decode())
                if "update" in fields:
                    store.triples.update(fields["update"][0])
                    return self.say(Answer(200, b'<data modified="0" milliseconds="1"/>', "application/xml"))
                return self.query(fields["query"][0])
            if kind in ("application/xml", "application/rdf+xml"):
                try:
                    ElementTree.fromstring(body)
                    modified = store.load(body)
                except (ElementTree.ParseError, SyntaxError, ValueError) as error:
                    return self.say(Answer(400, f"org.openrdf.rio.RDFParseException: {error}".encode(), "text/plain"))
                return self.say(Answer(200, f'<data modified="{modified}" milliseconds="1"/>'.encode(), "application/xml"))
            self.say(Answer(415, b"", "text/plain"))

    return Handler
