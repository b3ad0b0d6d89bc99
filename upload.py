"""Publish models and data sets on the Hugging Face Hub, each as one complete repository.

    python upload.py model runs/tata --repo-id user/hcnn-tata --dry-run
    python upload.py dataset data/gue --repo-id user/gue --private
    python upload.py all publish.yaml

Every repository is built and checked before anything is sent; a second run sends nothing.
docs/publishing.md says what is checked, and what the files beside a run are.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from transformers.utils import logging

from hf_genomics.data.progress import bars_shown
from hf_genomics.hub.batch import Entry, read_entries
from hf_genomics.hub.checks import check_repo_ids
from hf_genomics.hub.errors import PublishingError
from hf_genomics.hub.uploading import Content, Destination, require_token, upload

HERE = Path(__file__).resolve().parent
TEMPLATES, LICENSE = HERE / "model_cards", HERE / "LICENSE"
USER_ERROR = 2

RepoId = Annotated[str, typer.Option(help="user/name on the Hub.")]
Private = Annotated[bool, typer.Option("--private", help="Make the repository private.")]
Revision = Annotated[str | None, typer.Option(help="Branch to commit to; made if absent.")]
CreatePr = Annotated[
    bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Build, check and list; send nothing, need no token.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files on the Hub that others wrote or edited.")
]
DeleteOthers = Annotated[
    bool, typer.Option("--delete-others", help="Remove all other files from the repository.")
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=str(__doc__).replace("\n\n    ", "\n\n\b\n    "),  # the commands keep their lines
)


@dataclass(frozen=True)
class Ready:
    """A repository that has passed its checks: its files, and where they go."""

    files: dict[str, Content]
    to: Destination


@app.command()
def model(
    run_folder: Annotated[Path, typer.Argument(help="Folder that examples/finetune.py wrote.")],
    repo_id: RepoId,
    repeat: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of the same run with another seed; may be given often."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Keep the exported folder here; new or an older export.")
    ] = None,
    private: Private = False,
    revision: Revision = None,
    create_pr: CreatePr = False,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    delete_others: DeleteOthers = False,
) -> None:
    """Publish a trained model: code, weights, tokenizer, card, licence, example, results.

    Example: python upload.py model runs/tata --repo-id user/hcnn-tata --dry-run
    """
    options = {"repeat": repeat or [], "output": output}
    entry = Entry("model", run_folder, repo_id, options)
    to = Destination(repo_id, "model", private, revision, create_pr, overwrite, delete_others)
    publish([(entry, to)], dry_run=dry_run)


@app.command()
def dataset(
    folder: Annotated[Path, typer.Argument(help="Folder that hf-genomics built.")],
    repo_id: RepoId,
    private: Private = False,
    revision: Revision = None,
    create_pr: CreatePr = False,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    delete_others: DeleteOthers = False,
) -> None:
    """Publish a data set: Parquet files, card and provenance.

    Example: python upload.py dataset data/gue --repo-id user/gue
    """
    to = Destination(repo_id, "dataset", private, revision, create_pr, overwrite, delete_others)
    publish([(Entry("dataset", folder, repo_id), to)], dry_run=dry_run)


@app.command("all")
def everything(
    list_or_root: Annotated[
        Path, typer.Argument(help="YAML list, or a folder of runs and data sets.")
    ],
    owner: Annotated[
        str | None, typer.Option(help="For a folder: user or organisation of the repositories.")
    ] = None,
    private: Private = False,
    revision: Revision = None,
    create_pr: CreatePr = False,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    delete_others: DeleteOthers = False,
) -> None:
    """Publish many: data sets first, then models; nothing is sent before all have been checked.

    Example: python upload.py all publish.yaml --dry-run
    """
    with errors_in_plain_words():
        entries = read_entries(list_or_root, owner)
    publish(
        [
            (
                entry,
                Destination(
                    entry.repo_id,
                    entry.kind,
                    private or bool(entry.options.get("private")),
                    revision,
                    create_pr,
                    overwrite,
                    delete_others,
                ),
            )
            for entry in entries
        ],
        dry_run=dry_run,
    )


def publish(work: list[tuple[Entry, Destination]], *, dry_run: bool) -> None:
    """Builds and checks all, then uploads all."""
    exports = Path(tempfile.mkdtemp(prefix="hf_genomics-export-"))
    try:
        with errors_in_plain_words(), bars_where_somebody_watches():
            check_repo_ids(to.repo_id for _, to in work)
            for _, to in work:
                if to.create_pr and to.revision is not None:
                    raise PublishingError("A pull request goes to main: leave --revision out.")
            if not dry_run:
                require_token()  # before the work, not after it
            ready = [
                Ready(build(entry, exports / f"{i:03d}"), to) for i, (entry, to) in enumerate(work)
            ]
            for one in ready:
                send(one, dry_run=dry_run)
    finally:
        shutil.rmtree(exports, ignore_errors=True)


def build(entry: Entry, exports: Path) -> dict[str, Content]:
    """The checked files of one repository; says what they are."""
    from hf_genomics.hub.dataset_folders import export_dataset
    from hf_genomics.hub.export import export_model, file_list, template_of

    typer.echo(f"{entry.repo_id}: building from {entry.folder}")
    files: dict[str, Content]
    if entry.kind == "dataset":
        files = export_dataset(entry.folder, entry.repo_id)
    else:
        exported = export_model(
            entry.folder,
            entry.options.get("output") or exports,
            repo_id=entry.repo_id,
            template=template_of(entry.folder, TEMPLATES),
            license_file=LICENSE,
            repeats=entry.options.get("repeat", []),
        )
        files = {path: exported.folder / path for path in exported.files}
        for auto, difference in exported.differences.items():
            typer.echo(f"  {auto} in a clean process: equal to {difference:.1g}")
    sizes = {
        path: len(content) if isinstance(content, bytes) else content.stat().st_size
        for path, content in files.items()
    }
    typer.echo(file_list(sizes))
    return files


def send(ready: Ready, *, dry_run: bool) -> None:
    if dry_run:
        typer.echo(f"{ready.to.repo_id}: checked; nothing was sent (--dry-run)")
        return
    outcome = upload(ready.files, ready.to)
    if outcome.uploaded or outcome.deleted:
        counts = f"{len(outcome.uploaded)} uploaded, {len(outcome.deleted)} deleted"
        typer.echo(f"{ready.to.repo_id}: {counts}: {outcome.url}")
    else:
        typer.echo(f"{ready.to.repo_id}: up to date, nothing to send: {outcome.url}")
    if outcome.kept:
        typer.echo(f"  files of others were left there: {', '.join(outcome.kept)}")


@contextmanager
def bars_where_somebody_watches() -> Iterator[None]:
    """Bars of ours and of Transformers; a log would keep every state of them."""
    watched, active = sys.stderr.isatty(), logging.is_progress_bar_enabled()
    if not watched:
        logging.disable_progress_bar()
    try:
        with bars_shown(watched):
            yield
    finally:
        if active:
            logging.enable_progress_bar()


@contextmanager
def errors_in_plain_words() -> Iterator[None]:
    try:
        yield
    except (PublishingError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(USER_ERROR) from None


if __name__ == "__main__":
    app()
