"""Predictions of a model as columns of a table."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers.trainer_utils import PredictionOutput

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)
from hf_genomics.evaluation.classification import (
    SequenceClassifier,
    model_summary,
    require_model,
    score_splits,
    set_on_invalid,
)

SEQUENCES = ["ACGTACGTAC", "ACG", "ttnag"]


def classifier(**labels):
    config = HyperbolicCNNConfig(
        num_channels=6, embedding_dim=9, num_layers=1, max_length=12, **labels
    )
    model = HyperbolicCNNForSequenceClassification(config)
    with torch.no_grad():  # far from equal probabilities
        for parameter in model.classifier.parameters():
            parameter.mul_(10)
    return SequenceClassifier(model, DNATokenizer(), "cpu")


def logits_of(classify, sequences):
    """One at a time, with nothing that this package adds."""
    tokenizer = DNATokenizer()
    with torch.inference_mode():
        return np.array(
            [
                classify.model(**tokenizer(sequence, return_tensors="pt")).logits[0].tolist()
                for sequence in sequences
            ]
        )


def probabilities_of(columns):
    return np.array([values for name, values in columns.items() if "probability" in name]).T


def test_a_model_without_a_trained_head_predicts_nothing(tmp_path):
    config = PhyloGPNConfig(outer_dim=8, inner_dim=4, num_stacks=1, token_padding="same")
    PhyloGPNForMaskedLM(config).save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no trained classifier of sequences: classifier") as error:
        SequenceClassifier.from_pretrained(str(tmp_path))
    assert "Fine-tune it first" in str(error.value)
    PhyloGPNForSequenceClassification(config).save_pretrained(tmp_path)
    SequenceClassifier.from_pretrained(str(tmp_path))


def test_a_head_for_another_number_of_labels_predicts_nothing(tmp_path):
    """Transformers ends in a traceback where the configuration has been edited."""
    model = classifier(num_labels=2).model
    model.save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    model.config.num_labels = 3
    model.config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"classifier\S* has the shape \(2.* needs \(3"):
        SequenceClassifier.from_pretrained(str(tmp_path))


def test_a_quantizer_is_no_classifier_in_one_sentence(tmp_path):
    config = VQDNAQuantizerConfig(hidden_size=8, stem_dim=8, num_layers=1, codebook_sizes=[8, 8])
    VQDNAQuantizerModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a VQDNA quantizer, and no classifier") as error:
        SequenceClassifier.from_pretrained(str(tmp_path))
    assert len(str(error.value)) < 250 + 2 * len(str(tmp_path))


def test_classes_by_name_with_their_probabilities():
    classify = classifier(id2label={0: "enhancer", 1: "promoter", 2: "none"})
    columns = classify(SEQUENCES)
    assert list(columns) == [
        "predicted_label",
        "probability_enhancer",
        "probability_promoter",
        "probability_none",
    ]
    logits = torch.tensor(logits_of(classify, SEQUENCES))
    expected = logits.softmax(-1)
    np.testing.assert_allclose(probabilities_of(columns), expected.numpy(), atol=1e-5)
    names = ["enhancer", "promoter", "none"]
    assert columns["predicted_label"] == [names[i] for i in logits.argmax(-1)]


def test_several_labels_of_one_sequence_are_joined():
    classify = classifier(num_labels=4, problem_type="multi_label_classification")
    columns = classify(SEQUENCES)
    probabilities = torch.tensor(logits_of(classify, SEQUENCES)).sigmoid().numpy()
    np.testing.assert_allclose(probabilities_of(columns), probabilities, atol=1e-5)
    assert columns["predicted_label"] == [
        ";".join(f"LABEL_{i}" for i in range(4) if row[i] > 0.5) for row in probabilities
    ]


def test_regression_gives_numbers():
    classify = classifier(num_labels=1, problem_type="regression")
    columns = classify(SEQUENCES)
    assert list(columns) == ["prediction"]
    assert columns["prediction"] == pytest.approx(logits_of(classify, SEQUENCES)[:, 0], abs=1e-5)


def test_bad_sequences_are_named():
    classify = classifier(num_labels=2)
    for nothing in ([], np.array([])):
        with pytest.raises(ValueError, match="no sequence to classify"):
            classify(nothing)
    with pytest.raises(ValueError, match="Sequence 1 of the batch is empty"):
        classify(["ACGT", ""])
    with pytest.raises(ValueError, match="Sequence 0 of the batch is empty"):
        classify([" \t\n"])  # which has no tokens
    with pytest.raises(ValueError, match="Sequence 1 of the batch has 13 bases, .* at most 12: sh"):
        classify(["A", "A" * 13])
    with pytest.raises(ValueError, match="chr2 cannot be read: sequence has 'X' .* position 2"):
        classify(["ACT", "ACXT"], ["chr1", "chr2"])
    with pytest.raises(ValueError, match="chr2 has 13 bases"):
        classify(["ACT", "A" * 13], ["chr1", "chr2"])


def test_longer_sequences_are_cut_if_asked_for():
    whole = classifier(num_labels=2)
    cut = SequenceClassifier(whole.model, DNATokenizer(), "cpu", truncation=True)
    assert cut(["ACGTACGTACGT" + "GGG"]) == whole(["ACGTACGTACGT"])


def test_a_model_of_any_length_cuts_where_its_tokenizer_does():
    model, tokenizer = classifier(num_labels=2, head="centroid").model, DNATokenizer()
    limited = DNATokenizer(model_max_length=12)
    given, cut = ["ACGTACGTACGT" + "GGG"], ["ACGTACGTACGT"]
    whole = SequenceClassifier(model, limited, "cpu")
    assert SequenceClassifier(model, limited, "cpu", truncation=True)(given) == whole(cut)
    assert whole(given) != whole(cut)
    assert SequenceClassifier(model, tokenizer, "cpu", truncation=True)(given) == whole(given)


def test_a_tokenizer_is_told_what_a_bad_letter_leads_to(tmp_path):
    tokenizer = DNATokenizer()
    set_on_invalid(tokenizer, None)
    with pytest.raises(ValueError, match="no nucleotide code"):
        tokenizer("ACXT")
    set_on_invalid(tokenizer, "n")
    assert tokenizer("ACXT")["input_ids"] == [0, 1, 4, 3]
    tokenizer.save_pretrained(tmp_path)
    assert DNATokenizer.from_pretrained(tmp_path)("ACXT")["input_ids"] == [0, 1, 4, 3]
    with pytest.raises(ValueError, match="setting of DNATokenizer, but the model's tokenizer is o"):
        set_on_invalid(object(), "n")


@pytest.mark.parametrize("name", ["./gone", "/no/where", "a/b/c", "~/gone"])
def test_a_folder_that_is_not_there_is_no_id_of_the_hub(name):
    with pytest.raises(ValueError, match=f"There is no folder {name}; give that of a saved model"):
        require_model(name)


def test_a_folder_and_an_id_of_the_hub_are_models(tmp_path):
    require_model(str(tmp_path))
    require_model("user/name")


class OneClass:
    """A trainer whose model says class 1 of everything."""

    def __init__(self, labels, first=True):
        self.labels = np.array(labels)
        self.first = first

    def is_world_process_zero(self):
        return self.first

    def predict(self, rows, metric_key_prefix):
        logits = np.tile([0.0, 1.0], (len(self.labels), 1))
        return PredictionOutput(logits, self.labels, {f"{metric_key_prefix}_loss": 0.7})


def test_a_model_that_says_one_class_of_everything_is_reported(caplog):
    assert score_splits(OneClass([0, 1]), {"test": None}, ["test"]) == {"test_loss": 0.7}
    assert "All 2 rows of split 'test' are predicted to be of class 1: the model" in caplog.text


@pytest.mark.parametrize("labels", [[1, 1], [0.5, 1.5]])
def test_one_class_is_right_where_there_is_no_other(caplog, labels):
    score_splits(OneClass(labels), {"test": None}, ["test"])
    assert caplog.text == ""


def test_the_first_process_keeps_the_logits_of_a_split(tmp_path):
    for first in (False, True):
        trainer = OneClass([0, 1, 1], first)
        score_splits(trainer, {"test": None}, ["validation", "test"], predictions_folder=tmp_path)
        names = [path.name for path in tmp_path.iterdir()]
        assert names == (["test_predictions.parquet"] if first else [])
    table = pq.read_table(tmp_path / "test_predictions.parquet").to_pydict()
    assert table == {"row": [0, 1, 2], "label": [0, 1, 1], "logits": [[0.0, 1.0]] * 3}


def test_the_summary_counts_every_parameter():
    model = classifier(num_labels=3).model
    assert model_summary(model) == {
        "model_type": "hyperbolic_cnn",
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "num_labels": 3,
    }
