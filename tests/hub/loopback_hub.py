"""A Hugging Face Hub on this machine's loopback, for clients that talk real HTTP.

Repositories live in memory. It answers what `huggingface_hub`, Transformers and Trainer ask for to
create, push to, list and read repositories, with branches and pull requests; large files travel
by the LFS protocol, whole or in parts. It fails where a test tells it to (`Fault`).
"""

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

USER = "tester"
TOKEN = "hf_loopback"
LARGE = (".safetensors", ".bin", ".parquet")  # sent by LFS, as the Hub asks for by size or suffix


@dataclass
class Proposal:
    """A pull request."""

    title: str
    author: str = USER
    status: str = "open"


@dataclass
class Repository:
    """The commits of one repository, oldest first: identity and the files by path."""

    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    private: bool = False
    messages: list[str] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)  # name to commit
    proposals: list[Proposal] = field(default_factory=list)  # number n is branch refs/pr/n

    @property
    def files(self) -> dict[str, bytes]:
        return self.at("main")[1]

    def commit(self, files: dict[str, bytes], message: str, branch: str = "main") -> str:
        sha = hashlib.sha1(f"{len(self.commits)} {sorted(files)} {message}".encode()).hexdigest()
        self.commits.append((sha, files))
        self.messages.append(message)
        self.branches[branch] = sha
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, bytes]]:
        """The commit that a branch or a hash names.

        Raises:
            StopIteration: there is none.
        """
        sha = self.branches.get(revision, revision)
        return next(commit for commit in self.commits if commit[0] == sha)


@dataclass
class Fault:
    """How the requests of one kind fail, `times` times, before they are answered.

    Attributes:
        method: of the request.
        path: pattern that its path contains.
        status: what is answered; None cuts the connection instead.
        headers: of the answer.
        afterwards: do what is asked, and only then fail; else half of the body is read.
        times: how often.
    """

    method: str
    path: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    afterwards: bool = False
    times: int = 1


class LoopbackHub:
    """The server, and what was pushed to it.

    Args:
        port: the port it listens on, 0 for a free one.

    Attributes:
        repositories: by `user/name`, data sets by `datasets/user/name`.
        part_size: bytes of one part of a large file; None lets it come whole.
        faults: what is still to fail.
        requests: method and path of every request, oldest first.
    """

    def __init__(self, port: int = 0):
        self.repositories: dict[str, Repository] = {}
        self.large_files: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.part_size: int | None = None
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        handler = type("Handler", (HubRequest,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that turn a process into a client of this Hub; read at import."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_TOKEN": TOKEN,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",  # large files by plain LFS
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    @contextmanager
    def running(self) -> Iterator["LoopbackHub"]:
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


class Refusal(Exception):
    """An error as the Hub reports it: status and `X-Error-Code`."""

    def __init__(self, status: int, code: str, body: dict[str, Any] | None = None):
        super().__init__(code)
        self.status, self.code, self.body = status, code, body or {"error": code}


def entry(path: str, content: bytes) -> dict[str, Any]:
    """A file as listings show it."""
    git_blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    shown = {"type": "file", "path": path, "size": len(content), "oid": git_blob}
    if path.endswith(LARGE):
        oid = hashlib.sha256(content).hexdigest()
        shown["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
    return shown


class HubRequest(BaseHTTPRequestHandler):
    """One request; `ROUTES` below names the method that answers it."""

    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    silent = False  # the answer is not sent

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the output belongs to the test."""

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.fault_of(path)
        if fault is not None and not fault.afterwards:
            self.fail(fault, length)
            return
        body = self.rfile.read(length)
        self.silent = fault is not None
        try:
            with self.hub.lock:
                self.dispatch(path, body)
        except Refusal as refusal:
            self.reply(refusal.body, refusal.status, {"X-Error-Code": refusal.code})
        if fault is not None:
            self.silent = False
            self.fail(fault, 0)

    def dispatch(self, path: str, body: bytes) -> None:
        for method, pattern, handle in ROUTES:
            if self.command == method and (match := re.fullmatch(pattern, path)):
                if not path.startswith("/large-files/"):  # a signed address
                    self.authorize()
                handle(self, body, *match.groups())
                return
        raise Refusal(404, "EntryNotFound")

    def fault_of(self, path: str) -> Fault | None:
        with self.hub.lock:
            for fault in self.hub.faults:
                if fault.method == self.command and fault.times and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def fail(self, fault: Fault, length: int) -> None:
        if fault.status is not None:
            self.rfile.read(length)
            self.reply({"error": "told to fail"}, fault.status, fault.headers)
            return
        self.rfile.read(length // 2)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def reply(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        if self.silent:
            return
        raw = isinstance(body, bytes)
        content = body if raw else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if raw else "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def authorize(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "Unauthorized")

    def repository(self, name: str) -> Repository:
        try:
            return self.hub.repositories[name.removeprefix("models/")]
        except KeyError:
            raise Refusal(404, "RepoNotFound") from None

    def commit_of(self, name: str, revision: str) -> tuple[str, dict[str, bytes]]:
        try:
            return self.repository(name).at(revision)
        except StopIteration:
            raise Refusal(404, "RevisionNotFound") from None

    def who_am_i(self, body: bytes) -> None:
        access = {"accessToken": {"role": "write", "displayName": "loopback"}}
        self.reply({"name": USER, "type": "user", "orgs": [], "auth": access})

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked.get('organization') or USER}/{asked['name']}"
        if asked.get("type") == "dataset":
            name = f"datasets/{name}"
        found = {"url": f"{self.hub.url}/{name}", "name": name, "id": name}
        if name in self.hub.repositories:
            raise Refusal(409, "RepoExists", found)
        # `private` until huggingface_hub 1, `visibility` since 2
        private = asked.get("private") or asked.get("visibility") == "private"
        repository = self.hub.repositories[name] = Repository(private=private)
        repository.commit({".gitattributes": b""}, "initial commit")
        self.reply(found)

    def information(self, body: bytes, name: str, revision: str | None = None) -> None:
        sha, files = self.commit_of(name, revision or "main")
        self.reply(
            {
                "id": "/".join(name.split("/")[-2:]),
                "sha": sha,
                "private": self.repository(name).private,
                "gated": False,
                "tags": [],
                "lastModified": "2026-01-01T00:00:00.000Z",
                "siblings": [{"rfilename": path} for path in sorted(files)],
            }
        )

    def tree(self, body: bytes, name: str, revision: str, folder: str | None = None) -> None:
        _, files = self.commit_of(name, revision)
        start = f"{folder}/" if folder else ""
        below = {path: content for path, content in files.items() if path.startswith(start)}
        if folder and not below:
            raise Refusal(404, "EntryNotFound")
        recursive = re.search(r"recursive=true", self.path, re.IGNORECASE)
        shown = {}
        for path, content in sorted(below.items()):
            first, slash, _ = path[len(start) :].partition("/")
            if slash and not recursive:
                path = start + first
                shown[path] = {"type": "directory", "path": path, "size": 0, "oid": "0" * 40}
            else:
                shown[path] = entry(path, content)
        self.reply(list(shown.values()))

    def paths_info(self, body: bytes, name: str, revision: str) -> None:
        _, files = self.commit_of(name, revision)
        asked = [unquote(path) for path in re.findall(r"paths=([^&]*)", body.decode())]
        self.reply([entry(path, files[path]) for path in asked if path in files])

    def before_upload(self, body: bytes, name: str, revision: str) -> None:
        files = self.commit_of(name, revision)[1]
        plan = []
        for file in json.loads(body)["files"]:
            path = file["path"]
            mode = "lfs" if path.endswith(LARGE) else "regular"
            oid = entry(path, files[path])["oid"] if path in files else None
            plan.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.reply({"files": plan})

    def large_batch(self, body: bytes, name: str) -> None:
        objects = []
        for item in json.loads(body)["objects"]:
            href = f"{self.hub.url}/large-files/{item['oid']}"
            link: dict[str, Any] = {"href": href}
            if self.hub.part_size is not None:
                count = -(-item["size"] // self.hub.part_size)
                link["header"] = {"chunk_size": str(self.hub.part_size)} | {
                    f"{part:05d}": f"{href}/{part}" for part in range(1, count + 1)
                }
            known = item["oid"] in self.hub.large_files
            actions = {"upload": link, "verify": {"href": f"{href}/verify"}}
            objects.append(item if known else item | {"actions": actions})
        self.reply({"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refusal(400, "the content is not what its hash says")
        self.hub.large_files[oid] = body
        self.reply({})

    def upload_part(self, body: bytes, oid: str, part: str) -> None:
        self.hub.parts[oid, int(part)] = body
        self.reply({}, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def join_parts(self, body: bytes, oid: str) -> None:
        numbers = [part["partNumber"] for part in json.loads(body)["parts"]]
        self.upload(b"".join(self.hub.parts.pop((oid, number)) for number in numbers), oid)

    def verify(self, body: bytes, oid: str) -> None:
        if json.loads(body)["size"] != len(self.hub.large_files.get(oid, b"")):
            raise Refusal(404, "the file has not arrived")
        self.reply({})

    def branch(self, body: bytes, name: str, branch: str) -> None:
        repository = self.repository(name)
        if branch in repository.branches:
            raise Refusal(409, "the branch exists")
        repository.branches[branch] = repository.at("main")[0]
        self.reply({})

    def discussions(self, body: bytes, name: str) -> None:
        """Pull requests; the open ones only where these are asked for."""
        only_open = "status=open" in self.path
        kind, _, repo_id = name.partition("/")
        found = [
            {
                "title": proposal.title,
                "num": number,
                "author": {"name": proposal.author},
                "createdAt": "2026-01-01T00:00:00.000Z",
                "status": proposal.status,
                "repo": {"name": repo_id, "type": kind.removesuffix("s")},
                "isPullRequest": True,
            }
            for number, proposal in enumerate(self.repository(name).proposals, start=1)
            if proposal.status == "open" or not only_open
        ]
        self.reply({"discussions": found, "count": len(found), "start": 0})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        repository = self.repository(name)
        head, before = self.commit_of(name, revision)
        files, message = dict(before), ""
        for line in body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    message = value["summary"]
                    if value.get("parentCommit", head) != head:
                        raise Refusal(412, "a commit has happened since")
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.large_files[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
                case "deletedFolder":
                    start = value["path"].rstrip("/") + "/"
                    files = {path: files[path] for path in files if not path.startswith(start)}
                case other:
                    raise Refusal(400, f"unknown operation {other}")
        answer, address = {}, f"{self.hub.url}/{name.removeprefix('models/')}"
        if "create_pr=1" in self.path:
            repository.proposals.append(Proposal(message))
            revision = f"refs/pr/{len(repository.proposals)}"
            answer["pullRequestUrl"] = f"{address}/discussions/{len(repository.proposals)}"
        sha = repository.commit(files, message, revision)
        self.reply(answer | {"commitOid": sha, "commitUrl": f"{address}/commit/{sha}"})

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        sha, files = self.commit_of(name, revision)
        if path not in files:
            self.reply(
                {"error": path}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha}
            )
            return
        content = files[path]
        shown = entry(path, content)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{shown["oid"]}"', "Accept-Ranges": "bytes"}
        if "lfs" in shown:
            headers["X-Linked-Etag"] = f'"{shown["lfs"]["oid"]}"'
            headers["X-Linked-Size"] = str(len(content))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self.reply(content, 200, headers)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.reply(content[first : last + 1], 206, headers)

    def validate_card(self, body: bytes) -> None:
        self.reply({"errors": [], "warnings": []})


NAME, REVISION = r"((?:datasets/)?[\w.-]+/[\w.-]+)", r"(refs/pr/\d+|[^/]+)"
API = r"/api/((?:models/|datasets/)[\w.-]+/[\w.-]+)"
Handler = Callable[..., None]
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/api/whoami-v2", HubRequest.who_am_i),
    ("POST", "/api/repos/create", HubRequest.create),
    ("GET", API, HubRequest.information),
    ("GET", f"{API}/revision/{REVISION}", HubRequest.information),
    ("GET", f"{API}/tree/{REVISION}(?:/(.+))?", HubRequest.tree),
    ("POST", f"{API}/paths-info/{REVISION}", HubRequest.paths_info),
    ("POST", f"{API}/preupload/{REVISION}", HubRequest.before_upload),
    ("POST", f"{API}/commit/{REVISION}", HubRequest.commit),
    ("POST", f"/{NAME}.git/info/lfs/objects/batch", HubRequest.large_batch),
    ("PUT", r"/large-files/(\w+)", HubRequest.upload),
    ("PUT", r"/large-files/(\w+)/(\d+)", HubRequest.upload_part),
    ("POST", r"/large-files/(\w+)", HubRequest.join_parts),
    ("POST", r"/large-files/(\w+)/verify", HubRequest.verify),
    ("POST", f"{API}/branch/{REVISION}", HubRequest.branch),
    ("GET", f"{API}/discussions", HubRequest.discussions),
    ("GET", f"/{NAME}/resolve/{REVISION}/(.+)", HubRequest.resolve),
    ("HEAD", f"/{NAME}/resolve/{REVISION}/(.+)", HubRequest.resolve),
    ("POST", "/api/validate-yaml", HubRequest.validate_card),
]
