"""Every form in which labelled sequences lie on a disk."""

import gzip
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value, load_dataset

from hf_genomics.data.sequence_datasets import (
    _from_hub,
    load_sequence_dataset,
    load_sequence_files,
    longest_sequence,
)

TRAIN = [("ACGT", 0), ("NA", 1), ("GGGTTT", 1)]
DEV = [("CCC", 0)]
TEST = [("TTT", 1), ("AAA", 0)]


def write_csv(path, rows, header="sequence,label"):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([header, *(f"{sequence},{label}" for sequence, label in rows)]) + "\n"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_parquet(path, rows, names=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"sequence": [row[0] for row in rows], "label": [row[1] for row in rows]}
    if names is None:
        pq.write_table(pa.table(columns), path)
    else:
        features = Features({"sequence": Value("string"), "label": ClassLabel(names=names)})
        Dataset.from_dict(columns, features=features).to_parquet(path)


def rows_of(split):
    return list(zip(split["sequence"], split["label"], strict=True))


def assert_all_splits(dataset):
    assert list(dataset) == ["train", "validation", "test"]
    assert [rows_of(dataset[split]) for split in dataset] == [TRAIN, DEV, TEST]
    assert dataset["test"].features["sequence"] in (Value("string"), Value("large_string"))


@pytest.mark.parametrize("dev", ["dev", "valid", "validation", "val"])
def test_a_folder_of_files_named_by_split(tmp_path, dev):
    for split, rows in (("train", TRAIN), (dev, DEV), ("test", TEST)):
        write_csv(tmp_path / f"{split}.csv", rows)
    dataset = load_sequence_dataset(tmp_path)
    assert_all_splits(dataset)
    assert dataset["train"].features["label"] == ClassLabel(names=["0", "1"])


def test_a_tree_of_configurations_named_by_the_end_of_their_path(tmp_path):
    for split, rows in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        write_csv(tmp_path / "prom" / "prom_core_tata" / f"{split}.csv.gz", rows)
        write_csv(tmp_path / "mouse" / "2" / f"{split}.csv.gz", rows)
        write_csv(tmp_path / "tf" / "2" / f"{split}.csv.gz", DEV)
    (tmp_path / "manifest.csv").write_text("dataset,split\nmouse/2,train\n")
    for config in ("prom_core_tata", "prom/prom_core_tata", "mouse/2"):
        assert_all_splits(load_sequence_dataset(tmp_path, config))
    for config, message in [
        (None, "has 3 configurations; choose one of mouse/2, prom/prom_core_tata, tf/2"),
        ("2", "'2' fits several configurations of .*; did you mean mouse/2, tf/2"),
        ("prom_core_tat", "is no configuration of .*; did you mean prom/prom_core_tata"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_sequence_dataset(tmp_path, config)


def test_parquet_shards_are_joined_in_order(tmp_path):
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", TRAIN[:2])
    write_parquet(tmp_path / "data" / "train-00001-of-00002.parquet", TRAIN[2:])
    assert rows_of(load_sequence_dataset(tmp_path)["train"]) == TRAIN


@pytest.mark.parametrize("readme", [None, "configs:\n- config_name: a\n  data_files: '**/train*'"])
def test_copies_in_hidden_folders_are_not_read(tmp_path, readme):
    """As an editor or a notebook keeps them; `datasets` passes them over too."""
    write_csv(tmp_path / "data" / "train.csv", TRAIN)
    for hidden in (".ipynb_checkpoints", "__pycache__"):
        write_csv(tmp_path / "data" / hidden / "train-checkpoint.csv", TRAIN)
    write_csv(tmp_path / "data" / ".train.csv", TRAIN)
    if readme:
        (tmp_path / "README.md").write_text(f"---\n{readme}\n---\n")
    assert rows_of(load_sequence_dataset(tmp_path)["train"]) == TRAIN
    cache = str(tmp_path / "cache")
    theirs = load_dataset(str(tmp_path), split="train", cache_dir=cache)
    assert theirs.num_rows == len(TRAIN)


@pytest.mark.parametrize("pattern", [".cache/train.csv", "../rows/train.csv"])
def test_a_hidden_file_is_read_where_it_is_named(tmp_path, pattern):
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / pattern, TRAIN)
    readme = f"---\nconfigs:\n- config_name: a\n  data_files: '{pattern}'\n---\n"
    (folder / "README.md").write_text(readme)
    assert rows_of(load_sequence_dataset(folder)["train"]) == TRAIN


@pytest.mark.parametrize("copy", ["train.csv.gz", "train.parquet", "train.tsv"])
def test_a_table_that_stands_twice_is_refused(tmp_path, copy):
    write_csv(tmp_path / "train.csv", TRAIN)
    if copy.endswith("parquet"):
        write_parquet(tmp_path / copy, TRAIN)
    else:
        write_csv(tmp_path / copy, TRAIN, header="sequence,label")
    with pytest.raises(ValueError, match="would both be read, and every row of a copy"):
        load_sequence_dataset(tmp_path)


def test_class_names_travel_in_parquet(tmp_path):
    write_parquet(tmp_path / "train.parquet", TRAIN, names=["background", "TATA"])
    write_parquet(tmp_path / "test.parquet", TEST, names=["background", "TATA"])
    dataset = load_sequence_dataset(tmp_path)
    assert dataset["test"].features["label"].names == ["background", "TATA"]


def test_files_that_number_the_same_classes_in_another_order_are_refused(tmp_path):
    write_parquet(tmp_path / "train.parquet", TRAIN, names=["background", "TATA"])
    write_parquet(tmp_path / "test.parquet", TEST, names=["TATA", "background"])
    with pytest.raises(
        ValueError, match=r"classes background, TATA, other files TATA, background; w"
    ):
        load_sequence_dataset(tmp_path)


def test_text_of_a_csv_file_goes_by_the_class_names_of_a_parquet_file(tmp_path):
    write_parquet(tmp_path / "train.parquet", TRAIN, names=["promoter", "background"])
    write_csv(tmp_path / "test.csv", [("ACGT", "background"), ("AC", "promoter")])
    assert load_sequence_dataset(tmp_path)["test"]["label"][:] == [1, 0]


def test_the_kind_of_labels_may_be_given(tmp_path):
    write_csv(tmp_path / "train.csv", TRAIN)
    dataset = load_sequence_dataset(tmp_path, problem_type="regression")
    assert dataset["train"].features["label"] == Value("float32")
    assert dataset["train"]["label"][:] == [0.0, 1.0, 1.0]


README = """---
license: apache-2.0
configs:
- config_name: small
  data_files:
  - {split: train, path: tables/first-*}
  - {split: validation, path: tables/second.parquet}
  - {split: test, path: [tables/third.parquet]}
- config_name: other
  default: true
  data_files: other.csv
---
# Card
"""


@pytest.fixture
def folder_with_readme(tmp_path):
    (tmp_path / "README.md").write_text(README)
    write_parquet(tmp_path / "tables" / "first-0.parquet", TRAIN)
    write_parquet(tmp_path / "tables" / "second.parquet", DEV)
    write_parquet(tmp_path / "tables" / "third.parquet", TEST)
    write_csv(tmp_path / "other.csv", TEST)
    return tmp_path


def test_a_folder_with_the_configurations_of_its_readme(folder_with_readme):
    assert_all_splits(load_sequence_dataset(folder_with_readme, "small"))
    with pytest.raises(ValueError, match="'smal' is no configuration .* did you mean small"):
        load_sequence_dataset(folder_with_readme, "smal")


@pytest.mark.parametrize("pattern", ["tables/first/**", "tables/first/**/*", "**/first*.parquet"])
def test_patterns_find_the_files_that_the_hub_finds(tmp_path, pattern):
    """Two stars at the end are all files below, not all folders as for Python."""
    for name in ("first", "deep/first"):
        write_parquet(tmp_path / "tables" / "first" / f"{name}.parquet", TRAIN)
    write_csv(tmp_path / "other.csv", TEST)
    configs = f"- config_name: a\n  data_files:\n  - {{split: train, path: '{pattern}'}}"
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{configs}\n---\n")
    ours = load_sequence_dataset(tmp_path)
    theirs = from_hub(tmp_path, "a", tmp_path / "cache")
    assert ours.num_rows == theirs.num_rows == {"train": 2 * len(TRAIN)}


def from_hub(folder, config, cache):
    return _from_hub(str(folder), config, "sequence", "label", None, cache)


def test_one_of_several_declared_configurations_has_to_be_chosen(folder_with_readme, tmp_path):
    """Also where one is marked `default: true`, as builders mark the first: that is for
    `load_dataset` without a name, and says nothing of what somebody means to train on."""
    message = "has 2 configurations; choose one of other, small"
    with pytest.raises(ValueError, match=message):
        load_sequence_dataset(folder_with_readme)
    with pytest.raises(ValueError, match=message):
        from_hub(folder_with_readme, None, tmp_path / "cache")


def test_the_hub_is_not_asked_for_configurations_where_one_is_named(
    folder_with_readme, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(f"{_from_hub.__module__}.get_dataset_config_names", asked.append)
    assert_all_splits(from_hub(folder_with_readme, "small", tmp_path / "cache"))
    assert not asked


def test_a_configuration_called_default_needs_no_choice(folder_with_readme, tmp_path):
    readme = folder_with_readme / "README.md"
    text = README.replace("config_name: small", "config_name: default")
    readme.write_text(text.replace("  default: true\n", ""))
    assert_all_splits(load_sequence_dataset(folder_with_readme))
    assert_all_splits(from_hub(folder_with_readme, None, tmp_path / "cache"))


def test_the_splits_know_the_name_of_their_configuration(folder_with_readme, tmp_path):
    def name_of(dataset):
        return dataset["train"].info.config_name

    cache = tmp_path / "cache"
    assert name_of(load_sequence_dataset(folder_with_readme, "small")) == "small"
    assert name_of(from_hub(folder_with_readme, "small", cache)) == "small"
    readme = folder_with_readme / "README.md"
    readme.write_text(README[: README.index("- config_name: other")] + "---\n")
    assert name_of(load_sequence_dataset(folder_with_readme)) == "small"  # the only one
    assert name_of(from_hub(folder_with_readme, None, cache)) == "small"
    assert name_of(load_sequence_files({"train": folder_with_readme / "other.csv"})) is None
    write_csv(tmp_path / "tree" / "mouse" / "2" / "train.csv", TRAIN)
    assert name_of(load_sequence_dataset(tmp_path / "tree")) == "mouse/2"


def test_a_configuration_that_is_a_folder(tmp_path):
    (tmp_path / "README.md").write_text("---\nconfigs:\n- {config_name: a, data_dir: rows}\n---\n")
    for split, rows in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        write_csv(tmp_path / "rows" / f"{split}.csv", rows)
        write_csv(tmp_path / "elsewhere" / f"{split}.csv", DEV)
    assert_all_splits(load_sequence_dataset(tmp_path, "a"))


def test_a_file_that_the_readme_declares_must_exist(folder_with_readme):
    os.remove(folder_with_readme / "tables" / "second.parquet")
    with pytest.raises(ValueError, match="declares 'tables/second.parquet' for configuration"):
        load_sequence_dataset(folder_with_readme, "small")


def test_changed_files_are_read_anew(folder_with_readme):
    """`datasets` caches by the README's text and would give the old rows."""
    load_sequence_dataset(folder_with_readme, "small")
    write_parquet(folder_with_readme / "tables" / "second.parquet", TEST)
    assert rows_of(load_sequence_dataset(folder_with_readme, "small")["validation"]) == TEST


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.csv.gz", "rows.parquet"])
def test_one_file_is_the_training_split(tmp_path, name):
    if name.endswith(".parquet"):
        write_parquet(tmp_path / name, TRAIN)
    else:
        write_csv(tmp_path / name, TRAIN)
    if name.endswith(".tsv"):
        (tmp_path / name).write_text((tmp_path / name).read_text().replace(",", "\t"))
    dataset = load_sequence_dataset(tmp_path / name)
    assert list(dataset) == ["train"]
    assert rows_of(dataset["train"]) == TRAIN


def test_one_file_or_several_for_each_split(tmp_path):
    write_csv(tmp_path / "a.csv", TRAIN[:1])
    write_csv(tmp_path / "b.csv", TRAIN[1:])
    write_csv(tmp_path / "c.tsv", DEV)
    (tmp_path / "c.tsv").write_text((tmp_path / "c.tsv").read_text().replace(",", "\t"))
    write_parquet(tmp_path / "d.parquet", TEST)
    files = {
        "test": tmp_path / "d.parquet",
        "train": [tmp_path / "a.csv", tmp_path / "b.csv"],
        "validation": str(tmp_path / "c.tsv"),
    }
    assert_all_splits(load_sequence_files(files))


def test_a_dataset_as_the_hub_gives_it(folder_with_readme, tmp_path):
    """`load_dataset` takes a folder as it takes the id of a data set."""
    cache = tmp_path / "cache"
    assert_all_splits(_from_hub(str(folder_with_readme), "small", "sequence", "label", None, cache))


def test_a_csv_dataset_as_the_hub_gives_it_keeps_a_sequence_na(tmp_path):
    for split, rows in (("train", TRAIN), ("validation", DEV), ("test", TEST)):
        write_csv(tmp_path / "folder" / f"{split}.csv", rows)
    folder = str(tmp_path / "folder")
    assert_all_splits(_from_hub(folder, None, "sequence", "label", None, tmp_path / "cache"))


def test_other_column_names(tmp_path):
    write_csv(tmp_path / "train.csv", TRAIN, header="dna,target")
    dataset = load_sequence_dataset(tmp_path, sequence_column="dna", label_column="target")
    assert dataset["train"].column_names == ["sequence", "label"]
    assert rows_of(dataset["train"]) == TRAIN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "seq,label\nACGT,1\n",
            "has no column 'sequence'; its columns are seq, label. Rename the sequence column to "
            "'sequence' or name it with sequence_column",
        ),
        ("sequence,y\nACGT,1\n", "has no column 'label'; .* or name it with label_column"),
        (
            "sequence;label\nACGT;1\n",
            "sequence_column .--sequence_column.. Its only column's name holds ';': is that the",
        ),
        ("sequence,label\n", "Split 'train' is empty"),
        ("sequence,label\nACGT,0\n,1\n", "Row 1 of split 'train' has no sequence"),
        ("sequence,label\nACGT,0\nAC,\n", "Row 1 of split 'train' has no label"),
        ("sequence,label\nACGT,0\nAC,3\n", "integer labels are 0, 3"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_sequence_dataset(tmp_path)


def test_a_label_of_the_test_split_must_occur_in_training(tmp_path):
    write_csv(tmp_path / "train.csv", TRAIN)
    write_csv(tmp_path / "test.csv", [("ACGT", 2)])
    with pytest.raises(ValueError, match="Row 0 of split 'test' has the label 2, outside the 2"):
        load_sequence_dataset(tmp_path)


def test_missing_and_unsuitable_sequences_in_parquet(tmp_path):
    write_parquet(tmp_path / "train.parquet", [("ACGT", 0), (None, 1)])
    with pytest.raises(ValueError, match="Row 1 of split 'train' has no sequence"):
        load_sequence_dataset(tmp_path)
    write_parquet(tmp_path / "train.parquet", [(3, 0), (4, 1)])
    with pytest.raises(ValueError, match="sequences of split 'train' are int64; text is needed"):
        load_sequence_dataset(tmp_path)


@pytest.mark.parametrize("blank", [" ", " \t\v\f", "\n"])
def test_white_space_alone_is_no_sequence(tmp_path, blank):
    write_parquet(tmp_path / "train.parquet", [("A C", 0), (blank, 1)])
    with pytest.raises(ValueError, match="Row 1 of split 'train' has no sequence"):
        load_sequence_dataset(tmp_path)


@pytest.mark.parametrize("column", ["sequence", "label"])
def test_text_and_dictionaries_of_text_are_joined(tmp_path, column):
    table = pa.table({"sequence": ["AC", "GT", "AC"], "label": ["tata", "none", "none"]})
    coded = table.column(column).dictionary_encode()
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(
        table.set_column(table.column_names.index(column), column, coded), tmp_path / "b.parquet"
    )
    files = {"train": [tmp_path / "a.parquet", tmp_path / "b.parquet"]}
    train = load_sequence_files(files)["train"]
    assert rows_of(train) == 2 * [("AC", 1), ("GT", 0), ("AC", 0)]


def test_files_whose_types_cannot_be_joined_are_named(tmp_path):
    write_parquet(tmp_path / "a.parquet", [("ACGT", "0")])
    write_parquet(tmp_path / "b.parquet", [("ACGT", 1)])
    message = (
        "split 'train' hold types that cannot be joined: .*a.parquet has sequence: string, "
        "label: string; .*b.parquet has sequence: string, label: int64. Write each column with"
    )
    with pytest.raises(ValueError, match=message):
        load_sequence_files({"train": [tmp_path / "a.parquet", tmp_path / "b.parquet"]})


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_other_kinds_of_text_in_parquet(tmp_path, kind):
    sequences = pa.array([sequence for sequence, _ in TRAIN], pa.string()).cast(kind)
    table = pa.table({"sequence": sequences, "label": [label for _, label in TRAIN]})
    pq.write_table(table, tmp_path / "train.parquet")
    assert rows_of(load_sequence_dataset(tmp_path)["train"]) == TRAIN


def test_what_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match="There is no file or folder .*absent"):
        load_sequence_dataset(tmp_path / "absent")
    with pytest.raises(ValueError, match="There is no file or folder rows.csv"):
        load_sequence_dataset("rows.csv")
    with pytest.raises(ValueError, match="There is no file .*gone.csv .split 'test'."):
        load_sequence_files({"test": tmp_path / "gone.csv"})
    with pytest.raises(ValueError, match="holds no table named by split"):
        load_sequence_dataset(tmp_path)


def test_the_longest_sequence_of_all_splits(tmp_path):
    write_csv(tmp_path / "train.csv", TRAIN)
    write_csv(tmp_path / "test.csv", [("ACGTACGT", 1)])
    assert longest_sequence(load_sequence_dataset(tmp_path)) == 8


def test_white_space_is_no_base_and_a_mask_is_one(tmp_path):
    write_csv(tmp_path / "train.csv", [("A C G T AA", 0), ("[MASK][MASK]CG", 1)])
    assert longest_sequence(load_sequence_dataset(tmp_path)) == 6


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("config", "rows", "length"),
    [("prom_core_tata", (4904, 613, 613), 70), ("mouse/2", (2620, 328, 328), 101)],
)
def test_gue_has_the_rows_its_readme_counts(real_data_folder, config, rows, length):
    dataset = load_sequence_dataset(real_data_folder / "gue", config)
    assert tuple(len(dataset[split]) for split in ("train", "validation", "test")) == rows
    assert dataset["train"].features["label"].names == ["0", "1"]
    assert longest_sequence(dataset) == length
