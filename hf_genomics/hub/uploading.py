"""Files to one repository on the Hub: one commit, nothing twice, and nothing of others destroyed.

What was uploaded is written down in `.uploaded_files.json` in the repository. By that list a later
upload knows which files are its own to replace and to remove; files of others, and files that were
edited on the Hub, stay until told otherwise.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    get_token,
    hf_hub_download,
)
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile

from hf_genomics.data.progress import open_watched

from .errors import PublishingError

LIST = ".uploaded_files.json"
MESSAGE = "Upload with hf_genomics"
KEPT = {".gitattributes", LIST}  # the Hub's own, and ours
ATTEMPTS = 6
TRY_AGAIN = {408, 412, 429, 500, 502, 503, 504}  # 412: somebody else has committed meanwhile
Content = Path | bytes


@dataclass(frozen=True)
class Destination:
    """Where to, and what is allowed there.

    Attributes:
        repo_id: `user/name`.
        repo_type: "model" or "dataset".
        private: make a new repository private; an existing one must be.
        revision: branch, made if absent; None is `main`.
        create_pr: propose the change instead of committing it.
        overwrite: replace files that others wrote or edited.
        delete_others: remove every file on the Hub that is not among those to upload.
    """

    repo_id: str
    repo_type: str = "model"
    private: bool = False
    revision: str | None = None
    create_pr: bool = False
    overwrite: bool = False
    delete_others: bool = False

    @property
    def ref(self) -> dict[str, Any]:
        return {"repo_id": self.repo_id, "repo_type": self.repo_type}


@dataclass(frozen=True)
class Outcome:
    """What an upload did.

    Attributes:
        url: of the commit or pull request; of the repository if there was nothing to do.
        uploaded: paths that are new or changed.
        deleted: paths that were removed.
        kept: paths of others that were left where they are.
    """

    url: str
    uploaded: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def upload(
    files: Mapping[str, Content],
    to: Destination,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Makes the repository hold `files`, by one commit, or by none if it does already.

    After a failure of the network or the Hub everything is compared anew, so that nothing is sent
    or committed twice; large files that have arrived are not sent again.

    Args:
        files: path in the repository to a file here or to bytes.
        to: where to.
        sleep: waits so many seconds between two attempts.

    Raises:
        PublishingError: there is no token or it is refused, files of others are in the way, the
            repository is public and should not be, or the Hub fails again and again.
    """
    require_token()
    local = {path: Digest.of(content) for path, content in files.items()}
    listing = json.dumps({path: vars(digest) for path, digest in sorted(local.items())}, indent=1)
    files = {**files, LIST: listing.encode()}
    local[LIST] = Digest.of(files[LIST])
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _upload_once(files, local, to)
        except Exception as raised:
            # the client wraps what happened to a large file
            error = raised.__cause__ if type(raised) is RuntimeError else raised
            error = error if isinstance(error, Exception) else raised
            wait = seconds_to_wait(error, attempt)
            if wait is None or attempt == ATTEMPTS:
                raise _in_plain_words(error, to) from error
            sleep(wait)
    raise AssertionError("unreachable")


def require_token() -> None:
    """Raises PublishingError where this machine has no token for the Hub."""
    if not get_token():
        raise PublishingError(
            "No Hugging Face token was found, so nothing was sent. Run `hf auth login`, or set "
            "HF_TOKEN to a token that may write; --dry-run needs none."
        )


def seconds_to_wait(error: Exception, attempt: int) -> float | None:
    """Seconds until another attempt has a chance; None where it has none."""
    if isinstance(error, HfHubHTTPError):
        if error.response.status_code not in TRY_AGAIN:
            return None
        after = error.response.headers.get("Retry-After", "")
        return float(after) if after.isdigit() else float(2 ** (attempt - 1))
    # httpx or httpx2, by the version of huggingface_hub: known by name, so neither is imported
    lost = any(base.__name__ == "TransportError" for base in type(error).__mro__)
    return float(2 ** (attempt - 1)) if lost or isinstance(error, ConnectionError) else None


@dataclass(frozen=True)
class Digest:
    """What the Hub knows a file by: SHA-256 of a large one, git's blob hash of others."""

    sha256: str
    git: str

    @classmethod
    def of(cls, content: Content) -> Digest:
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        sha256, git = hashlib.sha256(), hashlib.sha1(f"blob {size}\0".encode())
        if isinstance(content, bytes):
            sha256.update(content)
            git.update(content)
        else:
            with open_watched(content) as file:
                while block := file.read(1 << 20):
                    sha256.update(block)
                    git.update(block)
        return cls(sha256.hexdigest(), git.hexdigest())

    def fits(self, remote: RepoFile) -> bool:
        if remote.lfs is not None:
            return bool(remote.lfs.sha256 == self.sha256)
        return bool(remote.blob_id == self.git)


def _upload_once(
    files: Mapping[str, Content], local: Mapping[str, Digest], to: Destination
) -> Outcome:
    api = HfApi()
    _make_repository(api, to)
    proposal = _open_proposal(api, to) if to.create_pr else None
    revision = proposal or to.revision or "main"
    head = str(api.repo_info(**to.ref, revision=revision).sha)
    remote = {
        item.path: item
        for item in api.list_repo_tree(**to.ref, revision=head, recursive=True)
        if isinstance(item, RepoFile)
    }
    ours = _uploaded_before(to, head) if LIST in remote else {}
    changed = [path for path in files if path not in remote or not local[path].fits(remote[path])]
    mine = {path for path, item in remote.items() if path in ours and ours[path].fits(item)}
    _refuse_to_overwrite([p for p in changed if p in remote and p not in mine | KEPT], to)
    others = [path for path in remote if path not in files and path not in KEPT]
    gone = [path for path in others if to.delete_others or path in mine]
    kept = [path for path in others if path not in gone]
    url = f"{api.endpoint}/{'datasets/' if to.repo_type == 'dataset' else ''}{to.repo_id}"
    if not changed and not gone:
        return Outcome(url, kept=kept)
    commit = api.create_commit(
        **to.ref,
        operations=[
            *(CommitOperationAdd(path, _sendable(files[path])) for path in changed),
            *(CommitOperationDelete(path) for path in gone),
        ],
        commit_message=MESSAGE,
        revision=revision if proposal or not to.create_pr else None,
        create_pr=to.create_pr and proposal is None,
        parent_commit=head,
    )
    return Outcome(
        str(commit.pr_url or commit.commit_url), [p for p in changed if p != LIST], gone, kept
    )


def _sendable(content: Content) -> str | bytes:
    return content if isinstance(content, bytes) else str(content)


def _make_repository(api: HfApi, to: Destination) -> None:
    """Makes repository and branch where they are missing."""
    try:
        private = api.repo_info(**to.ref).private
    except RepositoryNotFoundError:
        api.create_repo(**to.ref, private=to.private, exist_ok=True)
        private = to.private
    if to.private and not private:
        raise PublishingError(
            f"{to.repo_id} exists and is public, but --private was asked for; nothing was sent. "
            "Make it private in its settings on the Hub, or leave --private out."
        )
    if to.revision is not None and not to.create_pr:
        try:
            api.repo_info(**to.ref, revision=to.revision)
        except RevisionNotFoundError:
            api.create_branch(**to.ref, branch=to.revision, exist_ok=True)


def _open_proposal(api: HfApi, to: Destination) -> str | None:
    """The branch of an open pull request of an earlier upload by the same user."""
    user = api.whoami()["name"]
    for found in api.get_repo_discussions(
        **to.ref, discussion_type="pull_request", discussion_status="open"
    ):
        if found.title == MESSAGE and found.author == user:
            return f"refs/pr/{found.num}"
    return None


def _uploaded_before(to: Destination, commit: str) -> dict[str, Digest]:
    """The list of an earlier upload; empty if it cannot be read."""
    path = hf_hub_download(**to.ref, filename=LIST, revision=commit)
    try:
        found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: Digest(**digest) for name, digest in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _refuse_to_overwrite(conflicts: list[str], to: Destination) -> None:
    if conflicts and not to.overwrite:
        raise PublishingError(
            f"{to.repo_id} holds other versions of these files, which no upload of this command "
            "wrote; nothing was sent. Pass --overwrite to replace them (their history stays on "
            "the Hub):",
            conflicts,
        )


def _in_plain_words(error: Exception, to: Destination) -> Exception:
    if not isinstance(error, HfHubHTTPError):
        if seconds_to_wait(error, 1) is None:
            return error
        return PublishingError(
            f"The Hub cannot be reached ({error}). Nothing was committed; run the command again, "
            "and what has arrived is not sent a second time."
        )
    status = error.response.status_code
    reasons = {
        401: "The Hub refuses the token: it is wrong or has expired. Run `hf auth login` again.",
        403: f"The token may not write to {to.repo_id}. Use one with write permission for "
        f"{to.repo_id.partition('/')[0]}.",
    }
    return PublishingError(
        reasons.get(status, f"The Hub answered {status}: {error}") + " Nothing was committed."
    )
