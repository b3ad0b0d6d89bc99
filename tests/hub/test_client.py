"""The Hub on loopback answers the official client as the Hub does."""

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, get_session, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
LARGE = bytes(range(256)) * 40


@pytest.fixture
def api(hub):
    api = HfApi()
    api.create_repo("tester/one", private=True)
    return api


def add(api, path, content, **options):
    operations = [CommitOperationAdd(path, content)]
    return api.create_commit("tester/one", operations, commit_message="add", **options)


@pytest.mark.parametrize("part_size", [None, 1000, len(LARGE)])
@pytest.mark.parametrize("path", ["notes.txt", "weights.safetensors"])
def test_what_is_uploaded_is_downloaded(hub, api, path, part_size):
    hub.part_size = part_size
    add(api, path, LARGE)
    with open(hf_hub_download("tester/one", path), "rb") as file:
        assert file.read() == LARGE
    large = [seen for seen in hub.requests if seen[1].startswith("/large-files/")]
    assert bool(large) == path.endswith(".safetensors")


def test_range_of_a_file(hub, api):
    add(api, "weights.safetensors", LARGE)
    headers = {"Authorization": f"Bearer {hub.environment['HF_TOKEN']}", "Range": "bytes=10-19"}
    answer = get_session().get(
        f"{hub.url}/tester/one/resolve/main/weights.safetensors", headers=headers
    )
    assert answer.status_code == 206
    assert answer.content == LARGE[10:20]
    assert answer.headers["Content-Range"] == f"bytes 10-19/{len(LARGE)}"


def test_tree_and_visibility(api):
    add(api, "folder/notes.txt", b"some notes")
    assert [item.path for item in api.list_repo_tree("tester/one")] == [".gitattributes", "folder"]
    paths = [item.path for item in api.list_repo_tree("tester/one", recursive=True)]
    assert paths == [".gitattributes", "folder/notes.txt"]
    assert api.repo_info("tester/one").private


def test_models_and_data_sets_are_apart(api):
    api.create_repo("tester/one", repo_type="dataset")
    add(api, "notes.txt", b"of the model")
    assert not api.file_exists("tester/one", "notes.txt", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("tester/one", repo_type="dataset")


def test_stale_parent_is_refused(api):
    first = add(api, "notes.txt", b"first").oid
    add(api, "notes.txt", b"second", parent_commit=first)
    with pytest.raises(HfHubHTTPError, match="412"):
        add(api, "notes.txt", b"third", parent_commit=first)
    with open(hf_hub_download("tester/one", "notes.txt"), "rb") as file:
        assert file.read() == b"second"


def test_branches_and_pull_requests(api):
    api.create_branch("tester/one", branch="draft")
    add(api, "notes.txt", b"draft", revision="draft")
    proposed = add(api, "notes.txt", b"proposed", create_pr=True)
    assert proposed.pr_revision == "refs/pr/1"
    assert not api.file_exists("tester/one", "notes.txt")
    assert api.file_exists("tester/one", "notes.txt", revision="draft")
    assert api.file_exists("tester/one", "notes.txt", revision="refs/pr/1")
    (found,) = api.get_repo_discussions("tester/one", discussion_type="pull_request")
    assert (found.num, found.title, found.is_pull_request) == (1, "add", True)


def test_what_is_not_there(api):
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info("tester/other")
    with pytest.raises(RevisionNotFoundError):
        api.repo_info("tester/one", revision="no-such-branch")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("tester/one", "no such file")
    with pytest.raises(HfHubHTTPError, match="401"):
        HfApi(token="hf_wrong").repo_info("tester/one")
