"""The control of VQDNA: tokens, masks and a folder that loads as its users load it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from hf_genomics import DNATokenizer
from hf_genomics.data.vqdna_collator import SpanMaskingCollator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import kmer_transformer as control  # noqa: E402  (a script's neighbour, found by the line above)

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_dropout_prob": 0.0,
}


def config(k: int) -> control.KmerTransformerConfig:
    return control.KmerTransformerConfig(kmer_size=k, **SIZES)


def tokens_of(k: int, *sequences: str) -> list[list[int]]:
    model = control.KmerTransformerModel(config(k))
    batch = DNATokenizer()([*sequences], padding=True, return_tensors="pt")
    return model.tokens_of(batch["input_ids"], batch["attention_mask"])[0].tolist()


def test_tokens_are_numbers_in_base_four():
    assert tokens_of(1, "ACGT") == [[0, 1, 2, 3]]
    assert tokens_of(2, "ACGT") == [[0 * 4 + 1, 2 * 4 + 3]]
    assert tokens_of(3, "TTTACG") == [[63, 6]]


def test_what_a_k_mer_leaves_over_is_a_shorter_one():
    # 64 3-mers, then 16 2-mers, then 4 single nucleotides, then [MASK] and the rest
    assert tokens_of(3, "AAACG", "AAAT") == [[0, 64 + 1 * 4 + 2], [0, 64 + 16 + 3]]
    assert config(3).num_tokens == 64 + 16 + 4 + 2


def test_masked_and_unknown_nucleotides_have_tokens_of_their_own():
    assert tokens_of(2, "AN", "[MASK]A", "CC") == [[21], [20], [5]]


def test_gaps_keep_their_place():
    """They were taken out, and what stood behind them was read in another k-mer."""
    rest = 64 + 16 + 4 + 1
    assert tokens_of(3, "A-CGGT", "AA") == [[rest, 43], [64, rest]]
    assert tokens_of(3, "AC-GGT") == [[rest, 43]]
    ids = DNATokenizer()(["A-CGGT", "AC-GGT"], return_tensors="pt")["input_ids"]
    model = control.KmerTransformerModel(config(3))
    assert model.tokens_of(ids)[0].tolist() == [[rest, 43]] * 2  # without a mask, too


def test_a_gap_as_long_as_a_k_mer_has_no_token_before_it_cut_off():
    assert tokens_of(2, "AC--GT", "A---GT") == [[1, 21, 11], [21, 21, 11]]


@pytest.mark.parametrize("with_mask", [True, False])
@pytest.mark.parametrize(
    "kind",
    [control.KmerTransformerForMaskedLM, control.KmerTransformerForSequenceClassification],
)
def test_left_padding_is_refused(kind, with_mask):
    batch = DNATokenizer(padding_side="left")(["ACG", "ACGTTG"], padding=True, return_tensors="pt")
    if not with_mask:
        del batch["attention_mask"]
    with pytest.raises(ValueError, match=r"kmer_size=3 .* padding on the left; set tokenizer"):
        kind(config(3))(**batch)


def test_single_nucleotides_may_be_padded_on_the_left():
    model = control.KmerTransformerForMaskedLM(config(1)).eval()
    tokenizer = DNATokenizer(padding_side="left")
    both = model(**tokenizer(["ACG", "ACGTTG"], padding=True, return_tensors="pt"))
    alone = model(**tokenizer(["ACG"], return_tensors="pt"))
    assert_close(both.logits[0, 3:], alone.logits[0])


def test_without_a_mask_padding_is_told_by_its_token():
    model = control.KmerTransformerForMaskedLM(config(3)).eval()
    batch = DNATokenizer()(["ACGT", "ACGTTG"], padding=True, return_tensors="pt")
    assert torch.equal(model(batch["input_ids"]).logits, model(**batch).logits)


def test_k_mers_cut_off_by_the_end_have_no_logits_and_no_loss():
    model = control.KmerTransformerForMaskedLM(config(3)).eval()
    batch = DNATokenizer()(["ACGTT", "ACGTTGCC", "ACGTTG"], padding=True, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    outputs = model(**batch, labels=labels)
    is_whole = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0], [1] * 6 + [0] * 2, [1] * 6 + [0] * 2]) > 0
    logits = outputs.logits[..., :4]
    assert (logits[0, 3:6] == 0).all()
    assert (logits[1, 6:] == 0).all()
    assert (logits[is_whole].exp().sum(1) - 1).abs().max() < 1e-5
    expected = torch.nn.functional.cross_entropy(outputs.logits[is_whole], labels[is_whole])
    assert_close(outputs.nucleotide_loss, expected)
    assert outputs.masked_codes.tolist() == [1, 2, 2]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_different_sequences_have_different_tokens(k):
    sequences = [a + b + c + d for a in "ACGT" for b in "ACGT" for c in "ACGT" for d in "ACGT"]
    assert len({tuple(row) for row in tokens_of(k, *sequences)}) == 256


def test_probabilities_of_a_nucleotide_sum_over_the_k_mers():
    model = control.KmerTransformerForMaskedLM(config(3)).eval()
    batch = DNATokenizer()(["ACGTTG"], return_tensors="pt")
    with torch.no_grad():
        outputs = model(**batch)
    kmers = outputs.code_logits[0][0].softmax(1)  # (2, 64)
    for token in range(2):
        for position in range(3):
            for base in range(4):
                has = [i for i in range(64) if (i // 4 ** (2 - position)) % 4 == base]
                expected = kmers[token, has].sum()
                assert_close(outputs.logits[0, 3 * token + position, base].exp(), expected)


@pytest.mark.parametrize("k", [1, 6])
def test_padding_and_what_is_masked_change_nothing(k):
    model = control.KmerTransformerForMaskedLM(config(k)).eval()
    collate = SpanMaskingCollator(DNATokenizer(), unit=k)
    rows = [{"sequence": "ACGTTGCATTGACCATTGACAT"}, {"sequence": "ACGTAC" * 9}]
    both, alone = collate(rows), collate(rows[:1])
    with torch.no_grad():
        logits = model(both["input_ids"], both["attention_mask"]).logits[0, :18]
        assert_close(logits, model(alone["input_ids"], alone["attention_mask"]).logits[0, :18])
        # another base where one is masked: the labels know it, the model does not
        other = rows[0]["sequence"]
        at = int((alone["labels"][0] != -100).nonzero()[0])
        ids = alone["input_ids"].clone()
        assert ids[0, at] == DNATokenizer().mask_token_id
        labels = alone["labels"].clone()
        labels[0, at] = (labels[0, at] + 1) % 4
        changed = model(ids, alone["attention_mask"], labels=labels)
        assert_close(changed.logits, model(ids, alone["attention_mask"]).logits)
        assert len(other) == ids.shape[1]


def test_it_learns_a_repeat():
    model = control.KmerTransformerForMaskedLM(config(2))
    collate = SpanMaskingCollator(DNATokenizer(), unit=2)
    batch = collate([{"sequence": "ACGTAC" * 10}, {"sequence": "TTGCAA" * 10}])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(200):
        outputs = model(**batch)
        outputs.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(outputs.loss.item())
    assert losses[0] > 2.0
    assert losses[-1] < 0.1
    assert outputs.nucleotide_loss < 0.1


def test_a_language_model_s_folder_loads_as_a_classifier_in_another_process(tmp_path):
    control.KmerTransformerForMaskedLM(config(2)).save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    code = (
        "import sys; from transformers import AutoModelForSequenceClassification as Auto\n"
        "model = Auto.from_pretrained(sys.argv[1], trust_remote_code=True, num_labels=3)\n"
        "print(type(model).__name__, model.classifier.decoder.out_features)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert finished.stdout.split() == ["KmerTransformerForSequenceClassification", "3"], (
        finished.stderr
    )
