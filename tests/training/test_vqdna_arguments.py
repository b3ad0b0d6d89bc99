"""The command lines of VQDNA's training: what holds without a word, and how lists are given."""

import pytest

from hf_genomics.training.vqdna_arguments import parse_quantizer_arguments
from hf_genomics.training.vqdna_language_arguments import parse_language_model_arguments

GENOMES = ["--genomes", "yeast.fa.gz", "--output_dir", "out"]


def test_no_process_overwrites_the_codebooks_that_all_have_moved():
    _, _, training = parse_quantizer_arguments(GENOMES)
    assert training.ddp_broadcast_buffers is False


def test_codebooks_and_taps_are_lists_with_spaces():
    command = [*GENOMES, "--codebook_sizes", "256", "512", "--quantizer_layers", "2", "4"]
    model, data, _ = parse_quantizer_arguments(command)
    assert (model.codebook_sizes, model.quantizer_layers) == ([256, 512], [2, 4])
    assert (data.genomes, data.window) == (["yeast.fa.gz"], 512)


def test_k_mers_have_no_mode_of_masking(capsys):
    assert parse_language_model_arguments([*GENOMES, "--kmer_size", "2"])[0].mask_mode is None
    with pytest.raises(SystemExit):
        parse_language_model_arguments([*GENOMES, "--kmer_size", "2", "--mask_mode", "code"])
    assert "--mask_mode is for models on codes" in capsys.readouterr().err


@pytest.mark.parametrize("parse", [parse_quantizer_arguments, parse_language_model_arguments])
def test_evaluation_needs_something_held_out(parse, capsys):
    vocabulary = [] if parse is parse_quantizer_arguments else ["--kmer_size", "1"]
    with pytest.raises(SystemExit):
        parse([*GENOMES, *vocabulary, "--eval_strategy", "steps", "--eval_steps", "5"])
    assert "--held_out" in capsys.readouterr().err
