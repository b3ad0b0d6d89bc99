"""Options of Transformers' Trainer in the command lines of pretraining: refused or corrected."""

import re
from functools import partial

import numpy as np
import pytest
from transformers import EvalPrediction, TrainingArguments

from hf_genomics import DNATokenizer
from hf_genomics.data.genome_windows import WindowCollator
from hf_genomics.training import vqdna_arguments, vqdna_language_arguments
from hf_genomics.training.phylogpn_arguments import parse_phylogpn_arguments
from hf_genomics.training.phylogpn_trainer import PhyloGPNTrainer
from hf_genomics.training.trainer_options import (
    is_better_when_greater,
    plain_name,
    require_batch,
)
from hf_genomics.training.vqdna_arguments import parse_quantizer_arguments
from hf_genomics.training.vqdna_language_arguments import parse_language_model_arguments
from hf_genomics.training.vqdna_language_trainer import VQDNALanguageModelTrainer, measures
from hf_genomics.training.vqdna_trainer import VQDNAQuantizerTrainer
from tests.models.vqdna.tiny_language_model import tiny_model
from tests.models.vqdna.tiny_quantizer import tiny_quantizer

BEST = ["--eval_strategy", "steps", "--load_best_model_at_end", "true"]
GENOMES = ["--genomes", "yeast.fa.gz", "--held_out", "chrI", "--output_dir", "out"]
COMMANDS = {
    parse_quantizer_arguments: GENOMES,
    parse_language_model_arguments: [*GENOMES, "--kmer_size", "1"],
    parse_phylogpn_arguments: [
        *("--dataset_name", "data", "--validation", "a", "--output_dir", "out"),
    ],
}
each_script = pytest.mark.parametrize(
    "parse", COMMANDS, ids=["quantizer", "language model", "phylogpn"]
)


def training_of(parse, *options) -> TrainingArguments:
    return parse([*COMMANDS[parse], *options])[-1]


def refusal_of(parse, options, capsys) -> str:
    with pytest.raises(SystemExit) as stopped:
        training_of(parse, *options)
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("parse", "metric", "greater"),
    [
        (parse_quantizer_arguments, "loss", False),
        (parse_quantizer_arguments, "cross_entropy", False),
        (parse_quantizer_arguments, "eval_cross_entropy", False),
        (parse_quantizer_arguments, "accuracy", True),
        (parse_quantizer_arguments, "active_1", True),
        (parse_quantizer_arguments, "perplexity_0", True),
        (parse_language_model_arguments, "perplexity", False),
        (parse_language_model_arguments, "nucleotide_loss", False),
        (parse_language_model_arguments, "code_loss_0", False),
        (parse_language_model_arguments, "accuracy", True),
    ],
)
def test_the_best_checkpoint_has_the_lowest_loss_or_the_highest_score(parse, metric, greater):
    """Transformers takes every name for a score that does not end in "loss"."""
    options = [*BEST, "--metric_for_best_model", metric]
    assert training_of(parse, *options).greater_is_better is greater
    turned = [*options, "--greater_is_better", str(not greater)]
    assert training_of(parse, *turned).greater_is_better is not greater


def test_without_a_metric_the_best_checkpoint_has_the_lowest_loss():
    training = training_of(parse_quantizer_arguments, *BEST)
    assert (training.metric_for_best_model, training.greater_is_better) == ("loss", False)


def test_a_likelihood_is_better_when_greater():
    assert is_better_when_greater("eval_log_likelihood_per_site")


@pytest.mark.parametrize(
    ("parse", "metric", "names"),
    [
        (parse_quantizer_arguments, "perplexity", "cross_entropy, active_<level>, perplexity_<l"),
        (parse_language_model_arguments, "cross_entropy", "nucleotide_loss, code_loss_<level>, p"),
        (parse_phylogpn_arguments, "loss", "log_likelihood_per_site; give one of these"),
    ],
)
def test_a_metric_that_no_evaluation_reports_is_refused(parse, metric, names, capsys):
    """It was a KeyError at the first evaluation."""
    said = refusal_of(parse, ["--metric_for_best_model", metric], capsys)
    assert f"--metric_for_best_model is {metric!r}, but an evaluation reports" in said
    assert names in said


@pytest.mark.parametrize(
    "option", [{"eval_do_concat_batches": False}, {"batch_eval_metrics": True}]
)
@pytest.mark.parametrize(
    ("trainer", "model"),
    [
        (VQDNAQuantizerTrainer, tiny_quantizer),
        (VQDNALanguageModelTrainer, tiny_model),
        (PhyloGPNTrainer, lambda: None),  # refused before there is a model
    ],
)
def test_splits_that_are_scored_as_a_whole_are_not_scored_in_parts(
    trainer, model, option, tmp_path
):
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", **option)
    with pytest.raises(ValueError, match=f"{next(iter(option))} is .* of all batches of a split"):
        trainer(model(), arguments)


@pytest.mark.parametrize(
    ("trainer", "model"),
    [(VQDNAQuantizerTrainer, tiny_quantizer), (VQDNALanguageModelTrainer, tiny_model)],
)
def test_several_gpus_in_one_process_are_refused_where_means_would_be_mixed_up(
    trainer, model, tmp_path
):
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none")
    arguments.n_gpu  # noqa: B018  (sets the device up)
    arguments._n_gpu = 2  # as on a machine with two
    with pytest.raises(ValueError, match="on 2 GPUs .*torchrun --nproc_per_node 2"):
        trainer(model(), arguments)


def test_a_loss_of_ones_own_is_refused_where_the_model_tells_its_losses(tmp_path):
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none")
    with pytest.raises(ValueError, match="compute_loss_func is given, but"):
        VQDNALanguageModelTrainer(tiny_model(), arguments, compute_loss_func=lambda *_: 0.0)


@pytest.mark.parametrize(
    ("trainer", "model", "metric"),
    [
        (VQDNAQuantizerTrainer, tiny_quantizer, "perplexity"),
        (VQDNALanguageModelTrainer, tiny_model, "eval_code_loss"),
    ],
)
def test_a_metric_of_a_level_that_is_not_there_is_refused(trainer, model, metric, tmp_path):
    """It was a KeyError at the first evaluation."""
    arguments = partial(TrainingArguments, str(tmp_path), use_cpu=True, report_to="none")
    with pytest.raises(ValueError, match=f"{metric}_2', but of the 2 levels .* the last is 1"):
        trainer(model(), arguments(metric_for_best_model=f"{metric}_2"))
    trainer(model(), arguments(metric_for_best_model=f"{metric}_1"))


def test_the_names_are_those_of_what_an_evaluation_reports(tmp_path):
    reported = measures(EvalPrediction(np.ones((2, 6)), None))  # of two levels
    names = {"loss", *map(plain_name, reported)}
    assert names == set(vqdna_language_arguments.METRICS)

    arguments = training_of(parse_quantizer_arguments, "--output_dir", str(tmp_path))
    trainer = VQDNAQuantizerTrainer(
        tiny_quantizer(),
        arguments,
        eval_dataset=[{"sequence": "GATTACAGATTACA"}],
        data_collator=WindowCollator(DNATokenizer()),
    )
    reported = {plain_name(name) for name in trainer.evaluate()}
    times = {"runtime", "samples_per_second", "steps_per_second", "model_preparation_time"}
    assert reported - times - {"epoch"} == set(vqdna_arguments.METRICS)


@each_script
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--eval_do_concat_batches", "false"], "batches is False, but the scores are .* together"),
        (["--batch_eval_metrics", "true"], "metrics is True, but the scores are .* together"),
        (["--remove_unused_columns", "true"], "columns is True, but the sequences are such a col"),
        (["--prediction_loss_only", "true"], "only is True, but the scores are computed from"),
        (["--label_names", "foo"], "names is .'foo'., but the labels are made of the sequences"),
        (["--label_smoothing_factor", "0.1"], "factor is 0.1, but the loss is the model's own"),
        (["--neftune_noise_alpha", "5"], "alpha is 5.0, but most models here have no table"),
        (["--train_sampling_strategy", "group_by_length"], "group_by_length needs the number of"),
        (["--learning_rate", "-1"], "--learning_rate is -1.0; give 0 or a positive number"),
        (["--learning_rate", "nan"], "--learning_rate is nan"),
        (["--report_to", "notebook"], "--report_to notebook is unknown; choose none, all or"),
        (["--report_to", "clearml"], "--report_to clearml needs a package that is not installed"),
        (["--per_device_train_batch_size", "0"], "is 0; give 1 or more"),
        (["--num_train_epochs", "0"], "--num_train_epochs is 0.0; give .* as it is"),
        (["--max_steps", "0"], "--max_steps is 0; give a positive number, or .* as it is"),
        (["--do_train", "false"], "--do_train is False, but this script trains; .* as it is"),
    ],
)
def test_options_that_end_badly_are_refused_before_anything_runs(parse, options, message, capsys):
    """They ended in a traceback, after training or before, or had no effect that is seen."""
    said = refusal_of(parse, options, capsys)
    assert re.search(message, said), said


@each_script
def test_epochs_do_not_count_beside_steps(parse):
    assert training_of(parse, "--num_train_epochs", "0", "--max_steps", "3").max_steps == 3


def test_rows_that_fill_one_batch_are_enough(tmp_path):
    options = {"dataloader_drop_last": True, "per_device_train_batch_size": 8, "do_train": True}
    training = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True, **options)
    require_batch(training, 8)
    with pytest.raises(ValueError, match="7 training rows, fewer rows than a batch of 8"):
        require_batch(training, 7)
