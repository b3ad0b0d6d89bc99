# %% [markdown]
# # VQDNA: a vocabulary of DNA that is learned
#
# Language models of DNA need tokens, and k-mers or byte pairs are chosen without asking what the
# sequence means. "VQDNA" (Li et al., ICML 2024, arXiv 2405.10812) learns the tokens: an encoder
# turns every nucleotide, with its surroundings, into a vector; the nearest vector of a codebook
# is its token; and a decoder has to read the sequence back from the tokens. A Transformer then
# learns the language of these tokens.
#
# We make up a genome, train a small vocabulary on it, look at what its codes stand for, and train
# a language model on top. Run the cells one by one, or the file as it is; either takes under a
# minute.

# %%
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import disable_progress_bars, load_dataset
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PrinterCallback,
    TrainingArguments,
)

from hf_genomics import DNATokenizer, VQDNAForMaskedLM, VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.data.genome_windows import GenomeWindows, WindowCollator, load_genomes
from hf_genomics.data.vqdna_collator import SpanMaskingCollator
from hf_genomics.evaluation.vocabulary import export_vocabulary
from hf_genomics.training.vqdna_language_trainer import VQDNALanguageModelTrainer
from hf_genomics.training.vqdna_trainer import VQDNAQuantizerTrainer

disable_progress_bars()
generator = torch.Generator().manual_seed(0)
torch.manual_seed(0)
folder = Path(tempfile.mkdtemp(prefix="vqdna-"))

# %% [markdown]
# ## Data: a genome with a repeat
#
# Random sequence, rich in A and T, in which one repeat of 24 bases stands again and again, with a
# base changed here and there. `chr2` is never trained on.

# %%
REPEAT = "GGCCGGGCGCGGTGGCTCACGCCT"


def draw(length: int, frequencies: list[float]) -> str:
    """Random bases with these frequencies of A, C, G and T."""
    ids = torch.multinomial(
        torch.tensor(frequencies), length, replacement=True, generator=generator
    )
    return "".join("ACGT"[base] for base in ids)


def draw_chromosome(num_repeats: int) -> str:
    """Copies of the repeat, one base in twenty changed, with random sequence between them."""
    pieces = []
    for _ in range(num_repeats):
        changed = torch.rand(len(REPEAT), generator=generator) < 0.05
        other = zip(REPEAT, draw(len(REPEAT), [0.25] * 4), changed, strict=True)
        copy = "".join(new if change else old for old, new, change in other)
        pieces += [draw(24, [0.35, 0.15, 0.15, 0.35]), copy]
    return "".join(pieces)


genome = folder / "genome.fa"
genome.write_text(f">chr1\n{draw_chromosome(800)}\n>chr2\n{draw_chromosome(80)}\n")
options: dict[str, Any] = {"held_out": ["chr2"], "cache_dir": str(folder / "cache")}
contigs = load_genomes([str(genome)], **options)
kept_apart = load_genomes([str(genome)], want_held_out=True, **options)
windows = {
    "train": GenomeWindows(contigs, 128, shift=True, reverse_complement=0.5, seed=0),
    "held_out": GenomeWindows(kept_apart, 128),
}
print({name: len(split) for name, split in windows.items()}, "windows of 128 bases")

# %% [markdown]
# ## Stage one: the vocabulary
#
# Hierarchical residual quantization: a coarse codebook reads an early block of the encoder, a
# fine one what the coarse one has left over after the last block. Each position gets one code of
# each level. The encoder learns through the straight-through estimator, as if the quantization
# were not there, and the codebooks follow it as moving averages, without a gradient.
#
# A codebook trained like that tends to collapse to a handful of codes. The preset `robust` starts
# it by k-means, moves dead codes to where vectors are, and hides half of the codes from the
# decoder in training, so that a code has to tell of its surroundings and not only of its own
# base.

# %%
tokenizer = DNATokenizer()
config = VQDNAQuantizerConfig.preset(
    "robust",
    hidden_size=32,
    stem_dim=16,
    num_layers=2,
    quantizer_layers=[1, 2],
    codebook_sizes=[32, 64],
    kmeans_warmup_steps=20,
)
quantizer = VQDNAQuantizerModel(config)


def arguments(name: str, steps: int, rate: float) -> TrainingArguments:
    """Those that both stages share."""
    return TrainingArguments(
        str(folder / name),
        max_steps=steps,
        learning_rate=rate,
        per_device_train_batch_size=16,
        lr_scheduler_type="cosine",
        save_strategy="no",
        logging_strategy="no",
        remove_unused_columns=False,  # the collators need the strings
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )


trainer = VQDNAQuantizerTrainer(
    quantizer,
    arguments("quantizer training", 120, 3e-3),
    train_dataset=windows["train"],
    eval_dataset=windows["held_out"],
    data_collator=WindowCollator(tokenizer),
)
trainer.remove_callback(PrinterCallback)  # we print what we want to see
trainer.train()
measures = trainer.evaluate()
print(f"held-out nucleotides read back from their codes: {measures['eval_accuracy']:.3f}")
for level, size in enumerate(config.codebook_sizes):
    print(
        f"level {level}: {measures[f'eval_active_{level}']:.0f} % of {size} codes occur, "
        f"perplexity {measures[f'eval_perplexity_{level}']:.1f}"
    )

# %% [markdown]
# Reading back is easy: four codes, one for each base, would do. Perplexity says how many codes
# are really in use, 2 to the entropy of their frequencies.
#
# ## Codes of a sequence
#
# `tokenize` gives `(batch, levels, positions)`, -1 where there is no code (N, padding);
# `detokenize` reads them back. In the repeat the same codes come again, but for its ends, where a
# code also tells of what stands beside it.

# %%
quantizer = quantizer.eval()
texts = [draw(20, [0.35, 0.15, 0.15, 0.35]) + REPEAT + draw(20, [0.25] * 4) for _ in range(2)]
codes = quantizer.tokenize(**tokenizer(texts, return_tensors="pt"))
for text, of_text in zip(texts, codes, strict=True):
    print(text[20:44], *of_text[1, 20:44].tolist())
read_back = "".join(quantizer.detokenize(codes))
right = sum(one == other for one, other in zip("".join(texts), read_back, strict=True))
print(f"read back right: {right} of {len(read_back)} bases")
agree = (codes[0] == codes[1]).float()
print(
    f"the same fine code in both: {agree[1, 20:44].mean():.2f} of the repeat, "
    f"{agree[1, :20].mean():.2f} of what precedes it"
)

# %% [markdown]
# ## What the codes stand for
#
# `export_vocabulary` reads a genome and writes, for every code, how often it occurs, the k-mers
# at whose centre it stands, a consensus of what surrounds it, and the code that takes its place
# on the other strand. Codes of the repeat stand for a single 7-mer in most of their occurrences;
# others for a base in many surroundings.

# %%
quantizer.save_pretrained(folder / "quantizer")
tokenizer.save_pretrained(folder / "quantizer")
export_vocabulary(quantizer, kept_apart, folder / "vocabulary", k=7, window=128)
fine = load_dataset(
    str(folder / "vocabulary"), "level_1", split="train", cache_dir=str(folder / "cache")
)
seen = sorted((code for code in fine if code["count"] >= 20), key=lambda code: code["kmer_entropy"])
print("the most specific codes, and the least:")
for code in [*seen[:4], *seen[-4:]]:
    best = code["top_kmers"][0]
    print(
        f"code {code['id']:2d}, {code['count']:3d} times: {best['kmer']} in "
        f"{100 * best['share']:.0f} %, entropy {code['kmer_entropy']:.1f} bits, "
        f"on the other strand {code['reverse_complement_id']}"
    )

# %% [markdown]
# ## Stage two: a language model on the codes
#
# The quantizer stays as it is. Nucleotides are masked *before* they become codes, since a code
# also tells of its neighbours: to hide a code alone would hide next to nothing. The Transformer
# predicts the nucleotide and the codes that were there. A guess has a perplexity of four; in the
# random stretches nothing can be known but the frequencies (perplexity 3.7), in the repeat nearly
# everything.

# %%
model = VQDNAForMaskedLM.from_quantizer(
    str(folder / "quantizer"),
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
)
language_trainer = VQDNALanguageModelTrainer(
    model,
    arguments("language model training", 400, 3e-3),
    train_dataset=windows["train"],
    eval_dataset=windows["held_out"],
    data_collator=SpanMaskingCollator.from_config(tokenizer, model.config),
)
language_trainer.remove_callback(PrinterCallback)
before = language_trainer.evaluate()["eval_perplexity"]
language_trainer.train()
after = language_trainer.evaluate()["eval_perplexity"]
print(f"perplexity of masked nucleotides: {before:.2f}, after training {after:.2f}")

# %% [markdown]
# ## Save, load by the Auto classes, fill in
#
# The folder of the language model holds its quantizer as well. `AutoModel` of the quantizer's
# folder gives the vocabulary alone.

# %%
model.save_pretrained(folder / "language model")
tokenizer.save_pretrained(folder / "language model")
loaded = AutoModelForMaskedLM.from_pretrained(folder / "language model").eval()
again = AutoTokenizer.from_pretrained(folder / "language model")
masked = texts[0][:30] + "[MASK]" + texts[0][31:]
with torch.inference_mode():
    filled = loaded(**again(masked, return_tensors="pt")).logits[0, 30, :4].softmax(-1)
predicted = ", ".join(f"{base} {share:.2f}" for base, share in zip("ACGT", filled, strict=True))
print(f"in the repeat stood {texts[0][30]}; predicted {predicted}")

vocabulary = AutoModel.from_pretrained(folder / "quantizer").eval()
assert torch.equal(vocabulary.tokenize(**again(texts, return_tensors="pt")), codes)
print(f"The models are in {folder}")

# %% [markdown]
# Next: docs/vqdna_training.md trains both stages on real genomes, docs/vqdna_vocabulary.md
# explains the tables of codes, and `examples/finetune.py --lora` goes on with a task of your own.
