"""An upload is one commit, repeats nothing, survives faults, and leaves the files of others."""

import json

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from hf_genomics.hub.errors import PublishingError
from hf_genomics.hub.uploading import LIST, MESSAGE, Destination, seconds_to_wait, upload
from tests.hub.loopback_hub import Fault, Proposal

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

TO = Destination("tester/one")
WEIGHTS = bytes(range(256)) * 40
FILES = {
    "README.md": b"---\nlicense: mit\n---\n# One\n",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    ".eval_results/one.yaml": b"- 1",
}


@pytest.fixture
def waits(monkeypatch):
    """The seconds of all waits, none of which is waited."""
    waits = []
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", waits.append)
    return waits


def write(path, content, to=TO, **options):
    """What somebody else does on the Hub; `None` deletes."""
    operation = (
        CommitOperationDelete(path) if content is None else CommitOperationAdd(path, content)
    )
    HfApi().create_commit(
        to.repo_id, [operation], commit_message="by hand", repo_type=to.repo_type, **options
    )


def on_the_hub(hub, name="tester/one"):
    files = dict(hub.repositories[name].files)
    return {path: files[path] for path in files.keys() - {".gitattributes", LIST}}


def test_first_upload_is_one_commit(hub, tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(WEIGHTS)
    outcome = upload({**FILES, "model.safetensors": weights}, TO)
    assert sorted(outcome.uploaded) == sorted(FILES)
    assert on_the_hub(hub) == FILES
    assert hub.repositories["tester/one"].messages == ["initial commit", MESSAGE]
    head = hub.repositories["tester/one"].at("main")[0]
    assert outcome.url == f"{hub.url}/tester/one/commit/{head}"


def test_second_upload_sends_nothing(hub):
    upload(FILES, TO)
    hub.requests.clear()
    outcome = upload(FILES, TO)
    assert (outcome.uploaded, outcome.deleted, outcome.kept) == ([], [], [])
    assert not [path for method, path in hub.requests if method in ("POST", "PUT")]


def test_only_what_changed_is_sent_and_what_is_gone_is_removed(hub):
    upload(FILES, TO)
    hub.requests.clear()
    changed = {**FILES, "config.json": b'{"a": 1}', "new.py": b"pass"}
    del changed[".eval_results/one.yaml"]
    outcome = upload(changed, TO)
    assert (sorted(outcome.uploaded), outcome.deleted) == (
        ["config.json", "new.py"],
        [".eval_results/one.yaml"],
    )
    assert on_the_hub(hub) == changed
    assert not [path for _, path in hub.requests if "large-files" in path]


def test_large_file_of_the_same_length_is_sent_again(hub):
    """The Hub knows a large file by the hash of its content."""
    upload(FILES, TO)
    changed = {**FILES, "model.safetensors": WEIGHTS[::-1]}
    assert upload(changed, TO).uploaded == ["model.safetensors"]
    assert on_the_hub(hub) == changed


def test_files_of_others_stay_until_told(hub):
    upload(FILES, TO)
    write("logs/by_hand.txt", b"mine")
    write(".eval_results/one.yaml", b"edited by hand")
    fewer = {path: content for path, content in FILES.items() if not path.startswith(".eval")}
    outcome = upload(fewer, TO)
    assert outcome.deleted == []
    assert outcome.kept == [".eval_results/one.yaml", "logs/by_hand.txt"]
    assert on_the_hub(hub)["logs/by_hand.txt"] == b"mine"

    outcome = upload(fewer, Destination("tester/one", delete_others=True))
    assert sorted(outcome.deleted) == [".eval_results/one.yaml", "logs/by_hand.txt"]
    assert on_the_hub(hub) == fewer


def test_file_edited_on_the_hub_is_not_overwritten(hub):
    upload(FILES, TO)
    write("README.md", b"---\nlicense: mit\n---\n# Mended by hand\n")
    commits = len(hub.repositories["tester/one"].commits)
    with pytest.raises(PublishingError, match=r"--overwrite(.|\n)*README.md"):
        upload({**FILES, "config.json": b"[]"}, TO)
    assert len(hub.repositories["tester/one"].commits) == commits
    upload(FILES, Destination("tester/one", overwrite=True))
    assert on_the_hub(hub) == FILES


def test_repository_that_others_filled_is_not_overwritten(hub):
    HfApi().create_repo("tester/one")
    write("config.json", b"[]")
    with pytest.raises(PublishingError, match="config.json"):
        upload(FILES, TO)
    write("config.json", FILES["config.json"])  # the same content is in nobody's way
    upload(FILES, TO)
    assert on_the_hub(hub) == FILES


@pytest.mark.parametrize(
    "content", [b"[1", b"\xff", b"[1]", b'{"config.json": 1}', b'{"config.json": {"sha": ""}}']
)
def test_unreadable_list_of_an_upload_claims_nothing(hub, content):
    upload(FILES, TO)
    write(LIST, content)
    with pytest.raises(PublishingError, match="config.json"):
        upload({**FILES, "config.json": b"[]"}, TO)
    assert upload(FILES, TO).uploaded == []
    assert json.loads(hub.repositories["tester/one"].files[LIST]).keys() == FILES.keys()


def test_private_is_private(hub):
    upload(FILES, Destination("tester/secret", private=True))
    assert hub.repositories["tester/secret"].private
    upload(FILES, TO)
    with pytest.raises(PublishingError, match="is public"):
        upload(FILES, Destination("tester/one", private=True))


def test_branch(hub):
    to = Destination("tester/one", revision="draft")
    assert upload(FILES, to).uploaded
    assert on_the_hub(hub) == {}
    assert set(hub.repositories["tester/one"].at("draft")[1]) >= set(FILES)
    assert not upload(FILES, to).uploaded


def test_pull_request_is_opened_once(hub):
    to = Destination("tester/one", create_pr=True)
    assert upload(FILES, to).url == f"{hub.url}/tester/one/discussions/1"
    repository = hub.repositories["tester/one"]
    assert on_the_hub(hub) == {}
    assert not upload(FILES, to).uploaded
    assert upload({**FILES, "config.json": b"[]"}, to).uploaded == ["config.json"]
    assert repository.proposals == [Proposal(MESSAGE)]
    assert repository.at("refs/pr/1")[1]["config.json"] == b"[]"


@pytest.mark.parametrize(
    "found", [Proposal(MESSAGE, author="somebody"), Proposal(MESSAGE, status="closed")]
)
def test_pull_request_of_somebody_else_or_a_closed_one_is_not_written_to(hub, found):
    HfApi().create_repo("tester/one")
    repository = hub.repositories["tester/one"]
    repository.proposals.append(found)
    repository.commit({"theirs.txt": b"theirs"}, "theirs", "refs/pr/1")
    outcome = upload(FILES, Destination("tester/one", create_pr=True))
    assert outcome.url == f"{hub.url}/tester/one/discussions/2"
    assert repository.at("refs/pr/1")[1] == {"theirs.txt": b"theirs"}
    assert repository.at("refs/pr/2")[1].keys() >= FILES.keys()


def test_data_set(hub):
    to = Destination("tester/data", "dataset")
    assert upload(FILES, to).url.startswith(f"{hub.url}/datasets/tester/data/commit/")
    assert on_the_hub(hub, "datasets/tester/data") == FILES
    assert not upload(FILES, to).uploaded


PART = r"/large-files/\w+/2$"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", PART),
        Fault("PUT", PART, afterwards=True),
        Fault("PUT", PART, status=500),
        Fault("PUT", PART, status=503, times=8),  # more than the client tries by itself
        Fault("POST", "/large-files/", status=500),
        Fault("POST", "/preupload/", status=429, headers={"Retry-After": "7"}),
        Fault("POST", "/commit/", status=429, headers={"Retry-After": "7"}),
        Fault("POST", "/commit/", status=500, times=2),
        Fault("POST", "/commit/"),
        Fault("POST", "/commit/", afterwards=True),  # committed, but the answer is lost
        Fault("POST", "/commit/", status=412),
        Fault("GET", "/tree/", status=502),
        Fault("POST", "/repos/create", afterwards=True),
    ],
    ids=lambda fault: f"{fault.method} {fault.path} {fault.status or 'cut'} {fault.afterwards}",
)
def test_after_a_fault_everything_is_there_once(hub, waits, fault):
    hub.part_size = 1000
    hub.faults = [fault]
    upload(FILES, TO, sleep=waits.append)
    assert fault.times == 0
    assert on_the_hub(hub) == FILES
    assert hub.repositories["tester/one"].messages == ["initial commit", MESSAGE]
    assert not upload(FILES, TO).uploaded
    if "Retry-After" in fault.headers:
        assert max(waits) >= 7


def test_somebody_commits_meanwhile(hub, waits, monkeypatch):
    """The stale parent is refused by the Hub itself, and their file is not lost."""
    HfApi().create_repo("tester/one")
    commit = HfApi.create_commit

    def race(self, *args, **kwargs):
        monkeypatch.setattr(HfApi, "create_commit", commit)
        write("theirs.txt", b"theirs")
        return commit(self, *args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", race)
    upload(FILES, TO, sleep=waits.append)
    assert on_the_hub(hub) == FILES | {"theirs.txt": b"theirs"}
    assert waits == [1.0]


def test_interrupted_upload_goes_on_where_it_was(hub, waits):
    """Large files that have arrived are not sent a second time."""
    hub.faults = [Fault("POST", "/commit/", status=500, times=99)]
    with pytest.raises(PublishingError, match="500(.|\n)*Nothing was committed"):
        upload(FILES, TO, sleep=waits.append)
    assert on_the_hub(hub) == {}
    hub.faults.clear()
    hub.requests.clear()
    upload(FILES, TO)
    assert on_the_hub(hub) == FILES
    assert not [path for method, path in hub.requests if method == "PUT"]


def test_without_a_token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    with pytest.raises(PublishingError, match="hf auth login"):
        upload(FILES, TO)
    assert hub.requests == []


def test_token_is_refused(hub, monkeypatch, waits):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(PublishingError, match="refuses the token"):
        upload(FILES, TO, sleep=waits.append)
    assert waits == []
    assert hub.repositories == {}


def test_token_that_may_not_write(hub, waits):
    hub.faults = [Fault("POST", "/repos/create", status=403, times=99)]
    with pytest.raises(PublishingError, match="write permission for tester"):
        upload(FILES, TO, sleep=waits.append)


def test_hub_that_is_not_there(hub, waits):
    hub.faults = [Fault("GET", "", times=999)]
    with pytest.raises(PublishingError, match="cannot be reached"):
        upload(FILES, TO, sleep=waits.append)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_mistakes_in_code_are_not_tried_again():
    assert seconds_to_wait(KeyError("a bug"), 1) is None
