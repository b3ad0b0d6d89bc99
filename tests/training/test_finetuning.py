"""From arguments and data to a model that fits them."""

import re

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from huggingface_hub.errors import StrictDataclassError

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    VQDNAConfig,
    VQDNAForSequenceClassification,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)
from hf_genomics.training.arguments import DataArguments, ModelArguments, parse_arguments
from hf_genomics.training.checkpoint_labels import label_settings
from hf_genomics.training.finetuning import build_model, data_summary, selection_metric
from hf_genomics.training.recipes import MODERN, PAPER

TINY = "num_layers=1,num_channels=4,embedding_dim=6"
CLASSES = ClassLabel(names=["background", "TATA", "enhancer"])
SEVERAL = List(Value("float32"), length=2)
NUMBER = Value("float32")


def dataset_of(feature, label, longest=9):
    features = Features({"sequence": Value("string"), "label": feature})
    rows = {"sequence": ["ACGT", "A" * longest], "label": [label, label]}
    return DatasetDict({"train": Dataset.from_dict(rows, features=features)})


def save_tiny(folder, **labels):
    config = HyperbolicCNNConfig(
        num_layers=1, num_channels=4, embedding_dim=6, max_length=10, **labels
    )
    HyperbolicCNNForSequenceClassification(config).save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    return str(folder)


def test_a_model_learns_the_names_and_the_problem_of_its_labels():
    assert label_settings(CLASSES) == {
        "num_labels": 3,
        "problem_type": "single_label_classification",
        "id2label": {0: "background", 1: "TATA", 2: "enhancer"},
        "label2id": {"background": 0, "TATA": 1, "enhancer": 2},
    }
    assert label_settings(SEVERAL)["problem_type"] == "multi_label_classification"
    assert label_settings(SEVERAL)["num_labels"] == 2
    assert label_settings(NUMBER) == {"num_labels": 1, "problem_type": "regression"}


def test_the_best_epoch_of_a_regression_is_chosen_by_correlation():
    assert selection_metric("matthews_correlation", CLASSES) == "matthews_correlation"
    assert selection_metric("matthews_correlation", NUMBER) == "pearson"
    assert selection_metric("mse", NUMBER) == "mse"


@pytest.mark.parametrize(
    ("feature", "metric"), [(CLASSES, "mcc"), (CLASSES, "mse"), (NUMBER, "auroc")]
)
def test_a_score_that_is_not_computed_is_refused(feature, metric):
    with pytest.raises(ValueError, match=f"is {metric!r}; for these labels it is one of loss, "):
        selection_metric(metric, feature)
    assert selection_metric("eval_loss", feature) == "eval_loss"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], True),
        (["--metric_for_best_model", "auroc"], True),
        (["--metric_for_best_model", "loss"], False),
        (["--metric_for_best_model", "eval_loss"], False),
        (["--metric_for_best_model", "mse"], False),
        (["--metric_for_best_model", "loss", "--greater_is_better", "true"], True),
    ],
)
def test_the_lowest_error_and_the_highest_score_are_the_best(options, expected):
    assert parse_arguments([*COMMAND, *options])[2].greater_is_better is expected


def test_weights_saved_in_bfloat16_are_trained_in_float32(tmp_path):
    folder = save_tiny(tmp_path, num_labels=2)
    model = HyperbolicCNNForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    args = ModelArguments(model_name_or_path=folder)
    trained, _ = build_model(args, dataset_of(ClassLabel(num_classes=2), 1), None)
    assert {weight.dtype for weight in trained.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("overrides", "max_length", "expected"),
    [("", None, 9), ("", 20, 20), (",max_length=30", 20, 30)],
)
def test_a_new_model_is_as_long_as_its_data_or_as_told(overrides, max_length, expected):
    args = ModelArguments(model_type="hyperbolic_cnn", config_overrides=TINY + overrides)
    model, tokenizer = build_model(args, dataset_of(CLASSES, 1), max_length)
    assert model.config.max_length == expected
    assert model.config.id2label[1] == "TATA"
    assert isinstance(tokenizer, DNATokenizer)
    assert tokenizer.model_max_length == expected


@pytest.mark.parametrize(("max_length", "expected"), [(None, int(1e30)), (20, 20)])
def test_the_tokenizer_of_a_model_of_any_length_cuts_nothing_unless_told(max_length, expected):
    args = ModelArguments(model_type="hyperbolic_cnn", config_overrides=TINY + ",head=parts")
    _, tokenizer = build_model(args, dataset_of(CLASSES, 1), max_length)
    assert tokenizer.model_max_length == expected


@pytest.mark.parametrize(("max_length", "expected"), [(None, int(1e30)), (20, 20)])
@pytest.mark.parametrize(
    ("model_type", "sizes"),
    [
        ("phylogpn", "outer_dim=8,inner_dim=4,num_stacks=1"),
        ("vqdna", "hidden_size=16,num_attention_heads=2,intermediate_size=32,num_hidden_layers=1"),
    ],
)
def test_families_without_a_head_of_fixed_length_keep_the_limit_they_were_told(
    model_type, sizes, max_length, expected
):
    args = ModelArguments(model_type=model_type, config_overrides=sizes)
    _, tokenizer = build_model(args, dataset_of(CLASSES, 1), max_length)
    assert tokenizer.model_max_length == expected


@pytest.mark.parametrize(("before", "now"), [(None, 7), (7, None), (7, 5)])
def test_a_trained_model_of_any_length_cuts_where_it_was_trained_last(tmp_path, before, now):
    args = ModelArguments(model_type="hyperbolic_cnn", config_overrides=TINY + ",head=parts")
    for saved in build_model(args, dataset_of(CLASSES, 1), before):
        saved.save_pretrained(tmp_path)
    args = ModelArguments(model_name_or_path=str(tmp_path))
    _, tokenizer = build_model(args, dataset_of(CLASSES, 1), now)
    tokenizer.save_pretrained(tmp_path / "again")
    again = DNATokenizer.from_pretrained(tmp_path / "again")
    assert tokenizer.model_max_length == again.model_max_length == (now or int(1e30))


def test_a_head_that_would_be_random_is_refused_where_nothing_is_trained(tmp_path):
    saved_phylogpn(tmp_path / "masked")
    args = ModelArguments(model_name_or_path=str(tmp_path / "masked"))
    build_model(args, dataset_of(CLASSES, 1), None)
    with pytest.raises(ValueError, match=r"no trained classifier .*: classifier.*Fine-tune it"):
        build_model(args, dataset_of(CLASSES, 1), None, is_trained=True)
    folder = save_tiny(tmp_path / "tiny", num_labels=2)
    args = ModelArguments(model_name_or_path=folder, ignore_mismatched_sizes=True)
    build_model(args, dataset_of(ClassLabel(2), 1), None, is_trained=True)
    build_model(args, dataset_of(CLASSES, 1), None)
    with pytest.raises(ValueError, match="labels"):
        build_model(args, dataset_of(CLASSES, 1), None, is_trained=True)


FILES = ["--train_file", "train.csv", "--output_dir", "runs"]
NEW = ["--model_type", "hyperbolic_cnn"]
TRAINED = ["--model_name_or_path", "me/model"]
FOLDER = ["--dataset_name", "data", "--output_dir", "runs"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([*FOLDER, *NEW, "--test_file", "t.csv"], "--test_file go with --train_file"),
        ([*FOLDER, *NEW, "--validation_file", "v.csv"], "--test_file go with --train_file"),
        ([*FILES, *NEW, "--dataset_config_name", "a"], "config_name needs --dataset_name"),
        ([*FILES, *NEW, "--lora_rank", "4"], "--lora_rank needs --lora"),
        (
            [*FILES, *TRAINED, "--lora", "--curvature_learning_rate", "0.1"],
            "--curvature_learning_rate has no effect with --lora",
        ),
        ([*FILES, *NEW, "--lora_target_modules", "fc"], "--lora_target_modules needs --lora"),
        ([*FILES, *NEW, "--do_train", "false"], "--do_train false needs --model_name_or_path"),
        ([*FILES, *NEW, "--learning_rate", "-1"], "--learning_rate is -1.0; give 0 or a pos"),
        ([*FILES, *NEW, "--learning_rate", "nan"], "--learning_rate is nan"),
        ([*FILES, *NEW, "--report_to", "clearml"], "--report_to clearml needs a package that is"),
        ([*FILES, *NEW, "--per_device_train_batch_size", "0"], "is 0; give 1 or more"),
        ([*FILES, *NEW, "--per_device_eval_batch_size", "0"], "is 0; give 1 or more"),
        ([*FILES, *NEW, "--gradient_accumulation_steps", "0"], "is 0; give 1 or more"),
        ([*FILES, *NEW, "--max_length", "0"], "--max_length is 0; give 1 or more"),
        ([*FILES, *NEW, "--label_smoothing_factor", "1"], "give 0 .none. or a number below 1"),
        ([*FILES, *NEW, "--num_train_epochs", "0"], "epochs is 0.0; give a positive number"),
        ([*FILES, *NEW, "--num_train_epochs", "inf"], "epochs is inf; give a positive number"),
        ([*FILES, *NEW, "--max_steps", "0"], "--max_steps is 0; give a positive number"),
        ([*FILES, *NEW, "--batch_eval_metrics", "true"], "metrics is True, but .* together"),
        ([*FILES, *NEW, "--prediction_loss_only", "true"], "only is True, but the scores are"),
        ([*FILES, *NEW, "--label_names", "foo"], "names is .'foo'., but .* of --label_column"),
        ([*FILES, *NEW, "--eval_do_concat_batches", "false"], "batches is False, but .* together"),
        ([*FILES, *NEW, "--remove_unused_columns", "true"], "columns is True, but the sequences"),
        ([*FILES, *NEW, "--neftune_noise_alpha", "5"], "alpha is 5.0, but most models here have"),
    ],
)
def test_options_without_effect_or_out_of_bounds_are_refused(capsys, command, message):
    with pytest.raises(SystemExit) as raised:
        parse_arguments(command)
    assert raised.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_scores_of_a_trained_model_do_not_replace_the_results_of_a_training(tmp_path, capsys):
    (tmp_path / "trainer_state.json").write_text("{}")
    there = ["--dataset_name", "folder", "--output_dir", str(tmp_path)]
    with pytest.raises(SystemExit):
        parse_arguments([*there, *TRAINED, "--do_train", "false"])
    assert "has the results of a training, which those of" in capsys.readouterr().err
    parse_arguments([*there, *TRAINED])


@pytest.mark.parametrize(
    "command",
    [
        [*FILES, *NEW, "--validation_file", "v.csv", "--test_file", "t.csv"],
        [*FOLDER, *TRAINED, "--dataset_config_name", "a", "--trust_remote_code"],
        [*FOLDER, *TRAINED, "--lora", "--lora_rank", "4", "--lora_target_modules", "fc"],
        [*FOLDER, *TRAINED, "--do_train", "false", "--num_train_epochs", "0"],
        [*FILES, *NEW, "--num_train_epochs", "0", "--max_steps", "3", "--learning_rate", "0"],
    ],
)
def test_options_that_have_an_effect_are_taken(command):
    parse_arguments(command)


@pytest.mark.parametrize("model", [NEW, TRAINED], ids=["new", "trained"])
def test_what_repetitions_permit_to_all_models_is_taken_of_each(model):
    permitted = ["--trust_remote_code", "true", "--ignore_mismatched_sizes", "true"]
    permitted += ["--lora", "true", "--lora_rank", "4"]
    own = ["--config_overrides", "", "--dataset_config_name", "mouse/0", "--seed", "1"]
    parse_arguments([*FOLDER, *own, "--resume_from_checkpoint", "true", *model, *permitted])


def test_a_new_model_by_a_preset_and_what_differs_from_it():
    args = ModelArguments(
        model_type="hyperbolic_cnn", preset="residual", config_overrides="num_channels=9"
    )
    model, tokenizer = build_model(args, dataset_of(CLASSES, 1), None)
    assert (model.config.block, model.config.num_channels) == ("residual", 9)
    assert (model.config.num_labels, model.config.max_length) == (3, 9)
    assert tokenizer.model_max_length == int(1e30)


@pytest.mark.parametrize("value", [0.5, 0.0])
@pytest.mark.parametrize(
    "option",
    [
        *("averaging_decay", "curvature_learning_rate"),
        *("reverse_complement_probability", "base_masking_probability"),
    ],
)
def test_numbers_of_the_recipe_can_be_chosen(option, value):
    assert getattr(parse_arguments(COMMAND)[3], option) == getattr(MODERN, option)
    assert getattr(parse_arguments([*COMMAND, f"--{option}", str(value)])[3], option) == value


@pytest.mark.parametrize(
    ("model_type", "message"),
    [
        ("hyperbolic_cnn", "preset must be one of .* got 'best'"),
        ("phylogpn", "PhyloGPNConfig has no presets; leave --preset out"),
    ],
)
def test_a_preset_that_there_is_not(model_type, message):
    args = ModelArguments(model_type=model_type, preset="best")
    with pytest.raises(ValueError, match=message):
        build_model(args, dataset_of(CLASSES, 1), None)


def test_an_unknown_model_type():
    args = ModelArguments(model_type="hyperbolic_rnn")
    with pytest.raises(
        ValueError, match="knows no model type 'hyperbolic_rnn'; this package brings"
    ):
        build_model(args, dataset_of(CLASSES, 1), None)


def test_a_quantizer_is_no_classifier_and_what_makes_one_of_it_is_said(tmp_path):
    config = VQDNAQuantizerConfig(hidden_size=8, stem_dim=8, num_layers=1, codebook_sizes=[8, 8])
    VQDNAQuantizerModel(config).save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    args = ModelArguments(model_name_or_path=str(tmp_path))
    with pytest.raises(ValueError, match="is a VQDNA quantizer") as raised:
        build_model(args, dataset_of(CLASSES, 1), None)
    assert f"examples/pretrain_vqdna.py --quantizer {tmp_path}" in str(raised.value)
    assert len(str(raised.value)) < 250 + len(str(tmp_path)) * 2
    assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match="'vqdna_quantizer' is a quantizer.*--model_type vqdna "):
        build_model(ModelArguments(model_type="vqdna_quantizer"), dataset_of(CLASSES, 1), None)


@pytest.mark.parametrize(("frozen", "warnings"), [("true", 1), ("false", 0)])
def test_a_random_vocabulary_that_stays_random_is_said(caplog, frozen, warnings):
    sizes = "hidden_size=16,num_attention_heads=2,intermediate_size=32,num_hidden_layers=1"
    args = ModelArguments(model_type="vqdna", config_overrides=f"{sizes},freeze_quantizer={frozen}")
    build_model(args, dataset_of(CLASSES, 1), None)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == warnings
    for line in said:
        assert "vocabulary of this vqdna model is random and is not trained" in line
        assert "--model_name_or_path" in line


def test_a_model_of_a_missing_folder(tmp_path):
    args = ModelArguments(model_name_or_path=str(tmp_path / "gone"))
    with pytest.raises(
        ValueError, match="There is no folder .*gone; give that of a saved model, o"
    ):
        build_model(args, dataset_of(CLASSES, 1), None)


def saved_phylogpn(folder):
    torch.manual_seed(0)
    config = PhyloGPNConfig(outer_dim=8, inner_dim=4, stack_size=2, num_stacks=2)
    model = PhyloGPNForMaskedLM(config)
    model.save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    return model


def test_a_trained_model_may_differ_in_what_decides_no_weight(tmp_path):
    trained = saved_phylogpn(tmp_path)
    args = ModelArguments(
        model_name_or_path=str(tmp_path), config_overrides="token_padding=same,fill_token_id=5"
    )
    model, tokenizer = build_model(args, dataset_of(CLASSES, 1), None)
    assert (model.config.token_padding, model.config.fill_token_id) == ("same", 5)
    original = trained.model.state_dict()
    for name, weight in model.model.state_dict().items():
        torch.testing.assert_close(weight, original[name], rtol=0, atol=0)
    short = tokenizer("ACGTACGT", return_tensors="pt")  # the trained one reads 49 bases or more
    assert model(**short).logits.shape == (1, 3)


def test_the_dropout_of_a_trained_hyperbolic_network_can_be_set(tmp_path):
    args = ModelArguments(model_name_or_path=save_tiny(tmp_path), config_overrides="dropout=0.3")
    model, _ = build_model(args, dataset_of(ClassLabel(num_classes=2), 1), None)
    assert model.config.dropout == 0.3


@pytest.mark.parametrize(("asked", "used"), [("eager", "eager"), (None, "sdpa")])
def test_attention_is_what_was_asked_for(tmp_path, asked, used):
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    quantizer = {"hidden_size": 8, "stem_dim": 8, "codebook_sizes": [8, 8]}
    config = VQDNAConfig(**sizes, num_hidden_layers=1, quantizer_config=quantizer)
    VQDNAForSequenceClassification(config).save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    args = ModelArguments(model_name_or_path=str(tmp_path), attn_implementation=asked)
    model, tokenizer = build_model(args, dataset_of(ClassLabel(num_classes=2), 1), None)
    batch = tokenizer("ACGTACGT", return_tensors="pt")
    assert model.config._attn_implementation == used
    # Transformers has no weights of fused attention to return
    weights = model(**batch, output_attentions=asked == "eager").attentions
    assert (weights is not None) == (asked == "eager")


def test_attention_that_a_model_does_not_have():
    args = ModelArguments(model_type="hyperbolic_cnn", attn_implementation="sdpa")
    with pytest.raises(ValueError, match="does not support an attention implementation"):
        build_model(args, dataset_of(CLASSES, 1), None)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("outer_dim=12", "another shape, classifier.weight for one: .2, 8. became .2, 12."),
        ("num_stacks=3", "30 weights of .*blocks.4.*: none became .2, 4."),
        ("token_padding=reflect", "token_padding must be one of .*same.*, got .reflect."),
        ("token_paddin=same", "no field 'token_paddin'; did you mean token_padding"),
    ],
)
def test_overrides_that_do_not_fit_a_trained_model_are_refused(tmp_path, overrides, message):
    saved_phylogpn(tmp_path)
    args = ModelArguments(model_name_or_path=str(tmp_path), config_overrides=overrides)
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        build_model(args, dataset_of(CLASSES, 1), None)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("problem_type=regression", "cannot set problem_type: --problem_type says what"),
        ("dtype=bfloat16", "cannot set dtype: weights train in float32, and --bf16 true"),
        ("label2id=none", "cannot set label2id: the names of the labels come with the data"),
        ("id2label=none", "cannot set id2label: the names of the labels come with the data"),
        ("id2label=promoter", "cannot set id2label: the names of the labels come with the data"),
        ("dropout=0.1, num_labels=3", "cannot set num_labels: the number of labels comes with"),
    ],
)
def test_fields_that_are_set_otherwise_are_refused(tmp_path, trained, override, message):
    args = (
        ModelArguments(model_name_or_path=save_tiny(tmp_path), config_overrides=override)
        if trained
        else ModelArguments(model_type="hyperbolic_cnn", config_overrides=override)
    )
    with pytest.raises(ValueError, match=message):
        build_model(args, dataset_of(ClassLabel(2), 1), None)


def test_one_line_says_what_is_trained_on_what():
    config = HyperbolicCNNConfig(id2label={0: "none", 1: "TATA"})
    classes = dataset_of(ClassLabel(names=["none", "TATA"]), 1)
    classes["test"] = classes["train"].select([0])
    seen = "rows that stand in train too: 1 of test (--drop_shared_rows trains without them)"
    assert data_summary(classes, config) == (
        f"2 classes (none, TATA); rows: train 2, test 1\n{seen}"
    )
    assert data_summary(dataset_of(NUMBER, 0.5), config) == (
        "regression of one number; rows: train 2"
    )
    several = data_summary(dataset_of(SEVERAL, [0, 1]), config)
    assert several == "2 labels, any number of them a row, (none, TATA); rows: train 2"


def test_the_only_configuration_is_recorded_by_its_name(tmp_path):
    """A card would otherwise say that the model was trained on one called `default`."""
    card = "---\nconfigs:\n- config_name: clade\n  default: true\n  data_dir: clade\n---\n"
    (tmp_path / "README.md").write_text(card)
    (tmp_path / "clade").mkdir()
    for split in ("train", "validation"):
        (tmp_path / "clade" / f"{split}.csv").write_text("sequence,label\nACGT,0\nAC,1\n")
    arguments = DataArguments(dataset_name=str(tmp_path))
    arguments.load(0)
    assert arguments.dataset_config_name == "clade"
    arguments.load(0)  # as the records say
    assert arguments.dataset_config_name == "clade"


COMMAND = ["--model_type", "hyperbolic_cnn", "--dataset_name", "data", "--output_dir", "out"]


def test_a_recipe_sets_defaults_and_flags_win():
    _, _, training, recipe = parse_arguments([*COMMAND, "--recipe", "paper"])
    assert recipe == PAPER
    assert training.learning_rate == PAPER.learning_rate
    assert training.num_train_epochs == PAPER.num_train_epochs
    _, _, training, _ = parse_arguments(
        [*COMMAND, "--recipe=paper", "--learning_rate", "0.5", "--eval_strategy", "no"]
        + ["--save_strategy", "no", "--load_best_model_at_end", "false"]
    )
    assert training.learning_rate == 0.5
    assert training.eval_strategy == "no"
    assert not training.load_best_model_at_end


@pytest.mark.parametrize("dash", ["-", "_"])
def test_options_may_be_spelled_with_dashes(dash):
    """The first reading of the command knew the underscores alone, and overruled the dashes."""
    options = [f"--output{dash}dir", "elsewhere", f"--greater{dash}is{dash}better", "false"]
    training = parse_arguments([*COMMAND[:4], *options])[2]
    assert training.output_dir == "elsewhere"
    assert training.greater_is_better is False


@pytest.mark.parametrize(("flag", "patience"), [("3", 3), ("0", None)])
def test_the_patience_of_early_stopping_wins_over_the_recipe(flag, patience):
    recipe = parse_arguments([*COMMAND, "--early_stopping_patience", flag])[3]
    assert recipe.early_stopping_patience == patience
    assert parse_arguments(COMMAND)[3].early_stopping_patience == MODERN.early_stopping_patience


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (COMMAND[:4], "give --output_dir, the folder for the model and its results"),
        (
            [*COMMAND, "--train_sampling_strategy", "group_by_length"],
            "group_by_length needs the number of tokens of each row, but",
        ),
        ([*COMMAND, "--averaging_decay", "1"], "is 1.0; give 0 .none. or a number below 1"),
        ([*COMMAND, "--curvature_learning_rate", "-1"], "is -1.0; give 0 .fixed. or a positive"),
        ([*COMMAND, "--curvature_learning_rate", "inf"], "is inf; give 0 .fixed. or a positive"),
        ([*COMMAND, "--early_stopping_patience", "-1"], "is -1; give 0 .never. or more"),
        ([*COMMAND, "--problem_type", "classes"], "invalid choice: 'classes'"),
        ([*COMMAND, "--on_invalid", "x"], "invalid choice: 'x'"),
        (COMMAND[2:], "give one of --model_name_or_path and --model_type"),
        ([*COMMAND, "--model_name_or_path", "x"], "give one of --model_name_or_path and"),
        (COMMAND[:2], "give one of --dataset_name and --train_file"),
        (
            ["--model_name_or_path", "x", "--preset", "residual", *COMMAND[2:]],
            "--preset needs --model_type",
        ),
        ([*COMMAND, "--recipe", "secret"], "invalid choice: 'secret'"),
        ([*COMMAND, "--learning_rat", "1"], "not used by the HfArgumentParser|unrecognized"),
    ],
)
def test_contradictions_are_refused(command, message, capsys):
    with pytest.raises((SystemExit, ValueError)) as raised:
        parse_arguments(command)
    text = capsys.readouterr().err + str(raised.value)
    assert any(re.search(part, text) for part in message.split("|"))
