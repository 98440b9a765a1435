"""Servers on loopback that speak the protocols of Hugging Face and Kaggle, for the real clients of the two."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Answers(BaseHTTPRequestHandler):
    """What both servers need."""

    folder: Path
    requests: list[str]

    def files(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    def answer(self, body: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value: Any, code: int = 200, **headers: str) -> None:
        self.answer(json.dumps(value).encode(), code, Content_Type="application/json", **headers)

    def log_message(self, *_: object) -> None:
        pass


class HuggingFace(Answers):
    """The repository org/elmo, whose branch is main: what it is, what is in it, and its files."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.requests.append(path)
        known = ("main", COMMIT)
        api, resolve = "/api/models/org/elmo", "/org/elmo/resolve/"
        if path in (api, *(f"{api}/revision/{revision}" for revision in known)):
            siblings = [{"rfilename": name} for name in self.files()]
            self.answer_json({"id": "org/elmo", "modelId": "org/elmo", "sha": COMMIT, "siblings": siblings})
        elif path.startswith(f"{api}/revision/"):
            self.answer_json({"error": "Invalid rev id"}, 404, X_Error_Code="RevisionNotFound")
        elif path in [f"{api}/tree/{revision}" for revision in known]:
            self.answer_json([self.entry(name) for name in self.files()])
        elif path.startswith(resolve) and path.removeprefix(resolve).partition("/")[2] in self.files():
            body = (self.folder / path.removeprefix(resolve).partition("/")[2]).read_bytes()
            self.answer(body, ETag=f'"{hashlib.sha1(body).hexdigest()}"', X_Repo_Commit=COMMIT)
        else:
            self.answer_json({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    def entry(self, name: str) -> dict[str, object]:
        body = (self.folder / name).read_bytes()
        return {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}


class Kaggle(Answers):
    """The model google/elmo, variation elmo of TensorFlow 1, version 3. Files are on another server, as they are there.

    It answers as a proxy, so it gets what kagglehub asks of any server.
    """

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = urlsplit(self.path).path.rpartition("/")[2]
        self.requests.append(method)
        known = ("google", "elmo", "MODEL_FRAMEWORK_TENSOR_FLOW_1", "elmo")
        if tuple(asked.get(key) for key in ("ownerSlug", "modelSlug", "framework", "instanceSlug")) != known:
            self.answer_json({"code": 404, "message": "Model not found"}, 404)
        elif method == "GetModelInstance":
            self.answer_json({"versionNumber": 3})
        elif method == "ListModelInstanceVersionFiles":
            self.answer_json({"files": [{"name": name} for name in self.files()], "nextPageToken": ""})
        else:
            self.answer(b"", 302, Location=f"http://storage.invalid/{asked['path']}")

    def do_GET(self) -> None:
        self.requests.append(urlsplit(self.path).path)
        self.answer((self.folder / urlsplit(self.path).path.lstrip("/")).read_bytes())


@contextmanager
def serving(kind: type[Answers], folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that has the files of ``folder``, and the list of what was asked of it."""
    requests: list[str] = []
    handler = type("Handler", (kind,), {"folder": folder, "requests": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
