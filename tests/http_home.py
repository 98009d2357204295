"""A file server on 127.0.0.1 with the faults that real ones have."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Home:
    """`files` by path; `drop_after` bytes the next answers break off, once for each number; `requests` seen."""

    files: dict[str, bytes]
    ranges: bool = True
    drop_after: list[int] = field(default_factory=list)
    fail_with: list[int] = field(default_factory=list)
    etag: str = '"v1"'
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(home: Home) -> Iterator[Home]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range") or ""
            home.requests.append((self.path, asked))
            if home.fail_with:
                self.send_error(home.fail_with.pop(0))
                return
            if self.path not in home.files:
                self.send_error(404)
                return
            data = home.files[self.path]
            start = 0
            found = re.match(r"bytes=(\d+)-", asked)
            if found and home.ranges and self.headers.get("If-Range") in (None, home.etag):
                start = int(found[1])
                if start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("ETag", home.etag)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            body = data[start:]
            self.wfile.write(body[: home.drop_after.pop(0)] if home.drop_after else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    home.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield home
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
