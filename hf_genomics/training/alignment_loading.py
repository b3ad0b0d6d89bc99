"""An alignment data set as training needs it: splits, tree and reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset, DatasetDict, load_dataset
from huggingface_hub import snapshot_download

from hf_genomics.data.alignment_datasets import read_alignment_metadata, read_alignment_phylogeny
from hf_genomics.data.alignment_windows import row_lengths, split_by_region
from hf_genomics.models.phylogpn.phylogeny import Phylogeny


@dataclass(frozen=True, eq=False)
class Alignment:
    """A data set of `hf-genomics build-alignment`, split.

    Attributes:
        splits: `train`, and `validation` and `test` where they were asked for.
        phylogeny: its leaves are in the order of the columns' states.
        reference_leaf: the leaf whose sequence the rows hold.
    """

    splits: DatasetDict
    phylogeny: Phylogeny
    reference_leaf: str

    def num_sites(self) -> dict[str, int]:
        """Bases of the reference in each split."""
        return {name: int(row_lengths(rows).sum()) for name, rows in self.splits.items()}

    def names(self, split: str) -> list[str]:
        """Chromosomes or loci of a split, in order."""
        return list(dict.fromkeys(self.splits[split]["name"]))

    def require_names(self, names: Iterable[str], option: str) -> None:
        """Raises ValueError if one of the names is that of no chromosome or locus of any split."""
        known = {name for split in self.splits for name in self.names(split)}
        unknown = sorted(set(names) - known)
        if unknown:
            some = ", ".join(sorted(known)[:8])
            raise ValueError(
                f"{option} names {', '.join(unknown)}, but there is {some}"
                f"{' ...' if len(known) > 8 else ''}; correct it or leave it out."
            )


def load_alignment(
    dataset_name: str,
    *,
    held_out: Sequence[str] = (),
    validation: Sequence[str] = (),
    flank: int = 240,
    cache_dir: str | None = None,
) -> Alignment:
    """Loads a folder, or a data set of the Hub, and sets stretches of the reference aside.

    Args:
        dataset_name: Folder or Hub id.
        held_out: Names or `NAME:START-END` of the split `test`, as `split_by_region` reads them.
        validation: The same for the split `validation`.
        flank: Bases of context that cut rows keep, those the model reads on each side.
        cache_dir: Where data of the Hub are kept.

    Raises:
        ValueError: The folder was not written by `build-alignment`, a name is unknown, stretches
            overlap, or nothing is left for training.
    """
    folder = Path(dataset_name)
    if not folder.is_dir():
        folder = Path(snapshot_download(dataset_name, repo_type="dataset", cache_dir=cache_dir))
    metadata = read_alignment_metadata(folder)
    # By file, not by folder: `datasets` keeps a copy under the folder's name and the card's text,
    # and would return another folder's rows, or those from before this one was written anew.
    shards = sorted(str(file) for file in folder.glob("data/*.parquet"))
    rows = load_dataset("parquet", data_files=shards, split="train", cache_dir=cache_dir)
    assert isinstance(rows, Dataset)
    splits = split_by_region(rows, validation=validation, test=held_out, flank=flank)
    assert isinstance(splits, DatasetDict)
    if not len(splits["train"]):
        raise ValueError(
            f"Every row of {dataset_name} is set aside for validation or held out; leave some "
            "loci for training."
        )
    return Alignment(splits, read_alignment_phylogeny(folder), metadata["reference_leaf"])
