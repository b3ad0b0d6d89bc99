"""Batches of windows for the likelihood of other species."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from hf_genomics.data.alignment_collator import AlignmentCollator
from hf_genomics.data.alignment_windows import AlignmentWindows, split_by_region
from hf_genomics.data.alignment_writing import alignment_features
from hf_genomics.models.phylogpn.configuration_phylogpn import PhyloGPNConfig
from hf_genomics.models.phylogpn.modeling_phylogpn import PhyloGPNForMaskedLM

ROW = {
    "name": "L1",
    "start": 7,
    "sequence": "ACGTNA",
    "left_flank": "GG",
    "right_flank": "T",
    "leaf_states": np.array([[0, 3], [1, 4], [2, 2], [3, 0], [4, 1], [0, 0]], np.int8),
}
LONG = {
    "name": "L2",
    "start": 0,
    "sequence": "ACGGT" * 20,
    "left_flank": "",
    "right_flank": "",
    "leaf_states": np.stack(
        [
            ["ACGT".index(base) for base in "ACGGT" * 20],
            np.random.default_rng(0).integers(5, size=100),
        ],
        axis=1,
    ).astype(np.int8),
}


def letters(input_ids) -> list[str]:
    return ["".join("ACGTN-"[token] for token in row) for row in input_ids]


def test_window_has_its_flanks_and_its_leaf_states():
    batch = AlignmentCollator(6, 2)([ROW])
    assert letters(batch["input_ids"]) == ["GG" + "ACGTNA" + "TN"]
    assert batch["labels"].tolist()[0] == [[0, 3], [1, 4], [2, 2], [3, 0], [-100, -100], [0, 0]]
    assert (batch["input_ids"].dtype, batch["labels"].dtype) == (torch.int64, torch.int8)
    assert batch.keys() == {"input_ids", "labels"}


def test_sites_past_the_end_are_n_and_are_not_counted():
    batch = AlignmentCollator(9, 3)([ROW])
    assert letters(batch["input_ids"]) == ["NGG" + "ACGTNA" + "T" + "NNNNN"]
    assert (batch["labels"][0, 6:] == -100).all()
    assert batch["labels"].shape == (1, 9, 2)


def test_rows_may_have_no_flanks():
    row = {key: value for key, value in ROW.items() if not key.endswith("_flank")}
    assert letters(AlignmentCollator(6, 1)([row])["input_ids"]) == ["NACGTNAN"]


def test_rows_are_padded_to_the_longest_without_a_window():
    batch = AlignmentCollator(None, 1)([ROW, LONG])
    assert batch["labels"].shape == (2, 100, 2)
    assert batch["input_ids"].shape == (2, 102)


def test_tiled_windows_cover_every_site_once():
    batch = AlignmentCollator(30, 5, sampling="tiled")([LONG, ROW])
    assert batch["labels"].shape == (4 + 1, 30, 2)
    assert letters(batch["input_ids"])[1] == ("ACGGT" * 20)[25:65]
    counted = batch["labels"][:, :, 0] != -100
    assert counted.sum(dim=1).tolist() == [30, 30, 30, 10, 5]
    assert batch["labels"][:4][counted[:4]].tolist() == LONG["leaf_states"].tolist()


def test_random_windows_are_pieces_of_the_row():
    batch = AlignmentCollator(30, 5, windows_per_row=20)([LONG])
    states = LONG["leaf_states"]
    starts = set()
    for tokens, labels in zip(letters(batch["input_ids"]), batch["labels"].numpy(), strict=True):
        (start,) = [s for s in range(71) if np.array_equal(states[s : s + 30], labels)]
        assert tokens == f"{'N' * 5}{LONG['sequence']}{'N' * 5}"[start : start + 40]
        starts.add(start)
    assert len(starts) > 10


@pytest.mark.parametrize("window", [6, 9])
def test_a_row_not_longer_than_the_window_is_one_window(window):
    batch = AlignmentCollator(window, 2, windows_per_row=3)([ROW, LONG])
    assert len(batch["labels"]) == 1 + 3
    for options in ({}, {"sampling": "tiled"}):
        alone = AlignmentCollator(window, 2, **options)([ROW])
        assert torch.equal(batch["input_ids"][:1], alone["input_ids"])


def test_draws_depend_on_the_seed_and_on_the_rows_of_the_batch_only():
    def draw(seed: int, *rows) -> list[str]:
        torch.manual_seed(np.random.randint(1000))
        return letters(AlignmentCollator(10, 0, seed=seed)(rows)["input_ids"])

    others = [LONG | {"start": start} for start in (100, 200, 300)]
    assert draw(1, LONG, *others) == draw(1, LONG, *others)
    assert draw(1, LONG, *others) != draw(2, LONG, *others)
    assert draw(1, LONG, *others)[0] != draw(1, LONG, others[0])[0]


def test_other_strand_is_reversed_and_complemented_with_its_leaf_states():
    batch = AlignmentCollator(7, 2, reverse_complement=1.0)([ROW])
    assert letters(batch["input_ids"]) == ["NN" + "A" + "TNACGT" + "CC"]
    assert batch["labels"].tolist()[0] == [
        [-100, -100],
        [3, 3],
        [-100, -100],
        [0, 3],
        [1, 1],
        [2, 4],
        [3, 0],
    ]


def test_twice_the_other_strand_is_the_strand():
    batch = AlignmentCollator(30, 5, sampling="tiled", reverse_complement=1.0)([LONG])
    forward = AlignmentCollator(30, 5, sampling="tiled")([LONG])
    complement = torch.tensor([3, 2, 1, 0, 4])
    assert torch.equal(complement[batch["input_ids"].flip(1)], forward["input_ids"])
    labels = batch["labels"].flip(1).long()
    counted = labels >= 0
    labels[counted] = complement[labels[counted]]
    assert torch.equal(labels, forward["labels"].long())


def test_part_of_the_windows_is_flipped():
    rows = [ROW | {"start": start} for start in range(200)]
    batch = AlignmentCollator(6, 2, reverse_complement=0.25, seed=3)(rows)
    flipped = sum(text.startswith("N") for text in letters(batch["input_ids"]))
    assert 30 < flipped < 70


def test_weights_come_from_names_and_from_a_column():
    collator = AlignmentCollator(7, 0, name_weights={"L1": 3.0}, weight_column="conservation")
    rows = [ROW | {"conservation": [1, 2, 3, 4, 5, 6.5]}, ROW | {"name": "L9", "conservation": 2}]
    weights = collator(rows)["position_weights"]
    assert weights.tolist() == [[3, 6, 9, 12, 0, 19.5, 0], [2, 2, 2, 2, 0, 2, 0]]
    assert weights.dtype == torch.float32


def test_weights_of_the_bases_reach_the_windows_of_a_split():
    columns = {key: [LONG[key], ROW[key]] for key in LONG}
    weights = [np.linspace(1, 2, 100), np.arange(6)]
    data = Dataset.from_dict(columns, features=alignment_features(2)).add_column(
        "conservation", [list(map(float, values)) for values in weights]
    )
    train = split_by_region(data, test=["L2:40-60"])["train"]
    windows = AlignmentWindows(train, 16, flank=4, stride=8)
    batch = AlignmentCollator(16, 4, sampling="tiled", weight_column="conservation")(windows)
    for row, found in zip(windows, batch["position_weights"].numpy(), strict=True):
        place = int(row["start"]) - (7 if row["name"] == "L1" else 0)
        expected = weights[row["name"] == "L1"][place : place + len(row["sequence"])]
        counted = [base != "N" for base in row["sequence"]]
        assert np.allclose(found[: len(expected)], expected * counted)


def test_weights_turn_with_the_strand():
    collator = AlignmentCollator(7, 0, weight_column="w", reverse_complement=1.0)
    weights = collator([ROW | {"w": [1, 2, 3, 4, 5, 6]}])["position_weights"]
    assert weights.tolist() == [[0, 6, 0, 4, 3, 2, 1]]


def test_another_leaf_is_read_at_the_sites_where_it_is_known():
    row = {**ROW, "leaf_states": np.repeat(ROW["leaf_states"], 3, axis=1)[:, [0, 3, 4]]}
    row["leaf_states"][:, 2] = [3, 4, 1, 0, 4, 4]  # known at half of the sites: not read from
    collator = AlignmentCollator(6, 1, other_references=1.0, reference_leaf=0)
    batch = collator([row])
    assert batch["reference_leaves"].tolist() == [1]
    assert letters(batch["input_ids"]) == ["N" + "TGACA" + "NN"]
    assert batch["labels"][0, :5].tolist() == [
        [0, 3, 3], [2, 2, 1], [3, 0, 0], [4, 1, 4], [0, 0, 4]
    ]  # fmt: skip
    assert (batch["labels"][0, 5] == -100).all()


def test_input_is_always_the_sequence_of_the_reference_leaf():
    states = np.random.default_rng(0).integers(4, size=(90, 5)).astype(np.int8)
    row = {
        **LONG,
        "sequence": "".join("ACGT"[base] for base in states[:, 2]),
        "leaf_states": states,
    }
    collator = AlignmentCollator(
        20, 5, reverse_complement=0.5, other_references=0.7, reference_leaf=2
    )
    seen = set()
    for seed in range(40):
        collator.seed = seed
        batch = collator([row])
        leaf = int(batch["reference_leaves"])
        seen.add(leaf)
        assert torch.equal(batch["labels"][0, :, leaf].long(), batch["input_ids"][0, 5:25])
    assert seen == {0, 1, 2, 3, 4}


def test_a_row_without_another_readable_leaf_stays_as_it_is():
    row = {**ROW, "leaf_states": ROW["leaf_states"][:, [0]]}
    batch = AlignmentCollator(6, 2, other_references=1.0, reference_leaf=0)([row])
    assert letters(batch["input_ids"]) == ["GG" + "ACGTNA" + "TN"]
    assert batch["reference_leaves"].tolist() == [0]


def test_attention_mask_ends_with_the_known_reference():
    batch = AlignmentCollator(8, 3, return_attention_mask=True)([ROW])
    assert batch["attention_mask"].tolist() == [[0] + [1] * 9 + [0] * 4]


@pytest.mark.parametrize("as_type", [list, np.asarray, torch.as_tensor])
def test_leaf_states_may_be_lists_arrays_or_tensors(as_type):
    row = ROW | {"leaf_states": as_type(ROW["leaf_states"].tolist())}
    assert torch.equal(
        AlignmentCollator(6, 2)([row])["labels"], AlignmentCollator(6, 2)([ROW])["labels"]
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_gives_the_same_batches_with_any_number_of_workers(workers):
    rows = [LONG | {"start": 100 * i} for i in range(6)]
    columns = {key: [row[key] for row in rows] for key in LONG}
    data = Dataset.from_dict(columns, features=alignment_features(2)).with_format("numpy")
    collator = AlignmentCollator(16, 4, reverse_complement=0.5)
    loader = DataLoader(
        AlignmentWindows(data, 32, flank=4), batch_size=4, collate_fn=collator, num_workers=workers
    )
    here = [collator(batch) for batch in batches(data)]
    for batch, same in zip(loader, here, strict=True):
        assert torch.equal(batch["input_ids"], same["input_ids"])
        assert torch.equal(batch["labels"], same["labels"])


def batches(data: Dataset):
    windows = AlignmentWindows(data, 32, flank=4)
    for begin in range(0, len(windows), 4):
        yield windows.__getitems__(range(begin, min(begin + 4, len(windows))))


def test_streamed_rows_make_batches():
    columns = {key: [LONG[key], ROW[key]] for key in LONG}
    data = Dataset.from_dict(columns, features=alignment_features(2)).to_iterable_dataset()
    loader = DataLoader(data, batch_size=2, collate_fn=AlignmentCollator(50, 3, sampling="tiled"))
    (batch,) = loader
    assert batch["labels"].shape == (3, 50, 2)


@pytest.mark.parametrize("streamed", [False, True])
def test_trainer_trains_on_the_batches(tmp_path, streamed):
    columns = {key: [LONG[key]] * 4 for key in LONG} | {"start": [0, 100, 200, 300]}
    data = Dataset.from_dict(columns, features=alignment_features(2)).with_format("numpy")
    config = PhyloGPNConfig(
        outer_dim=8,
        inner_dim=4,
        num_stacks=1,
        phylogeny="(ref:0.1,other:0.2);",
        reference_leaf="ref",
    )
    arguments = TrainingArguments(
        str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=2,
        remove_unused_columns=False,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(
        PhyloGPNForMaskedLM(config),
        arguments,
        train_dataset=data.to_iterable_dataset()
        if streamed
        else AlignmentWindows(data, 40, flank=config.flank),
        eval_dataset=AlignmentWindows(data, 40, flank=config.flank),
        data_collator=AlignmentCollator(40, config.flank, name_weights={"L2": 0.5}),
    )
    assert np.isfinite(trainer.train().training_loss)
    assert np.isfinite(trainer.evaluate()["eval_loss"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window is 0; give 1 or more"),
        ({"flank": -1}, "flank is -1"),
        ({"sampling": "all"}, "sampling is 'all'; 'random' or 'tiled'"),
        ({"windows_per_row": 0}, "windows_per_row is 0"),
        ({"windows_per_row": 2, "sampling": "tiled"}, "windows_per_row is 2 with sampling='tiled'"),
        ({"reverse_complement": 1.5}, "reverse-complement share is 1.5"),
    ],
)
def test_arguments_out_of_range_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        AlignmentCollator(**{"window": 5, "flank": 2, **options})


def test_leaf_states_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match=r"L1:7 has 6 bases but leaf states of shape \(5, 2\)"):
        AlignmentCollator(6, 2)([ROW | {"leaf_states": ROW["leaf_states"][:5]}])
    with pytest.raises(ValueError, match=r"have \[1, 2\] leaf states per site"):
        AlignmentCollator(6, 2)([ROW, ROW | {"leaf_states": ROW["leaf_states"][:, :1]}])


def test_weights_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match=r"Column 'w' of row L1:7 has shape \(3,\)"):
        AlignmentCollator(6, 2, weight_column="w")([ROW | {"w": [1, 2, 3]}])


def test_weights_stay_at_their_sites_where_another_leaf_is_read():
    collator = AlignmentCollator(6, 0, other_references=1.0, reference_leaf=0, weight_column="w")
    weights = collator([ROW | {"w": [1, 2, 3, 4, 5, 6]}])["position_weights"]
    assert weights.tolist() == [[1, 3, 4, 5, 6, 0]]  # the other leaf is unknown at the second


def test_a_leaf_known_at_four_of_five_sites_is_read():
    row = {**ROW, "sequence": "ACGTN", "leaf_states": ROW["leaf_states"][:5]}
    batch = AlignmentCollator(5, 0, other_references=1.0, reference_leaf=0)([row])
    assert batch["reference_leaves"].tolist() == [1]


def test_random_windows_reach_both_ends_of_the_row():
    batch = AlignmentCollator(99, 0, windows_per_row=30)([LONG])
    drawn = {tuple(labels[:, 1].tolist()) for labels in batch["labels"]}
    states = LONG["leaf_states"][:, 1].tolist()
    assert drawn == {tuple(states[:99]), tuple(states[1:])}
