# %% [markdown]
# # PhyloGPN: from a sequence, the rates of evolution at each of its bases
#
# "A Phylogenetic Approach to Genomic Language Modeling" (Albors et al., RECOMB 2025, arXiv
# 2503.03773) trains a network on whole-genome alignments without feeding it any. The network
# reads the reference sequence and predicts four log rates at every base; the loss asks how
# probable the column of the alignment is under these rates, on the tree of the species.
# Afterwards the alignment is not needed: rates, and scores of variants, come from the sequence
# alone.
#
# We make up an alignment in which a motif is conserved, train a small network on it, and see
# whether it finds that out. Run the cells one by one, or the file as it is; either takes under a
# minute.

# %%
import tempfile
from pathlib import Path

import torch
from datasets import disable_progress_bars
from torch import Tensor
from transformers import AutoModelForMaskedLM, AutoTokenizer, PrinterCallback, TrainingArguments
from transformers.utils import logging

from hf_genomics import (
    DNATokenizer,
    Phylogeny,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    f81_log_likelihood,
)
from hf_genomics.data.alignment_collator import AlignmentCollator
from hf_genomics.data.alignment_datasets import build_alignment
from hf_genomics.data.alignment_windows import AlignmentWindows
from hf_genomics.training.alignment_loading import load_alignment
from hf_genomics.training.phylogpn_trainer import PhyloGPNTrainer

disable_progress_bars()
logging.disable_progress_bar()
generator = torch.Generator().manual_seed(0)
torch.manual_seed(0)
folder = Path(tempfile.mkdtemp(prefix="phylogpn-"))

# %% [markdown]
# ## F81 by hand
#
# Felsenstein's model of 1981: on a branch of length t a base stays what it is with probability
# `exp(-S t)`, and else becomes a base drawn from pi. The four outputs w of the network are
# logarithms of rates: `S = sum(exp(w))` is how fast the site evolves, `pi = softmax(w)` what it
# evolves towards. The likelihood of a column sums over all bases that the ancestors may have had.
#
# A column in which all species agree is much more probable at a slow site; one in which they
# differ, at a fast site.

# %%
tree = Phylogeny.from_newick(
    "(((human:0.1,chimp:0.1):0.1,(mouse:0.3,rat:0.3):0.1):0.1,(dog:0.3,(cow:0.3,horse:0.3):0.05):0.1);"
)
slow = torch.full((4,), 0.05).log()  # S = 0.2, pi uniform
fast = torch.full((4,), 0.75).log()  # S = 3
agreeing = torch.tensor([0, 0, 0, 0, 0, 0, 0])  # A in every species, in the order of leaf_names
differing = torch.tensor([0, 0, 2, 1, 3, 0, 2])
print(tree.leaf_names)
for name, column in {"agreeing": agreeing, "differing": differing}.items():
    values = [f81_log_likelihood(rates, column, tree).item() for rates in (slow, fast)]
    print(f"{name}: log-likelihood {values[0]:.2f} at a slow site, {values[1]:.2f} at a fast one")

# %% [markdown]
# ## Data: an alignment with a conserved motif
#
# Every locus is random sequence with a few copies of TGACTCA, a binding site that selection
# keeps: where a base of it changes, the new one is drawn from a pi that gives 85 % to the motif's
# base. At all other sites pi is uniform. We draw the columns by the model itself, from the root
# to the leaves, and write them as aligned FASTA, from which `build_alignment` makes what the
# training reads: the reference's sequence and the states of all leaves, column by column.

# %%
MOTIF = torch.tensor([3, 2, 0, 1, 3, 1, 0])  # TGACTCA; A, C, G, T are 0 to 3
KEPT = 0.05 + 0.80 * torch.eye(4)  # row b: pi at a site where the motif has base b
LENGTH, NUM_LOCI, COPIES = 300, 96, 6


def draw_locus() -> tuple[Tensor, Tensor]:
    """Leaf states `(leaves, LENGTH)`, and pi of each site `(LENGTH, 4)`."""
    root = torch.randint(4, (LENGTH,), generator=generator)
    conserved = torch.zeros(LENGTH, dtype=torch.bool)
    for copy in range(COPIES):
        start = copy * (LENGTH // COPIES) + int(torch.randint(40, (1,), generator=generator))
        root[start : start + len(MOTIF)] = MOTIF
        conserved[start : start + len(MOTIF)] = True
    pi = torch.full((LENGTH, 4), 0.25)
    pi[conserved] = KEPT[root[conserved]]
    top = len(tree.branch_lengths)  # the root has the highest number and no branch
    states = {top: root}
    for node in reversed(range(top)):  # parents have higher numbers than their children
        stays = torch.exp(-tree.branch_lengths[node])  # S is 1 at every site
        changes = torch.rand(LENGTH, generator=generator) >= stays
        drawn = torch.multinomial(pi, 1, generator=generator)[:, 0]
        states[node] = torch.where(changes, drawn, states[int(tree.parents[node])])
    return torch.stack([states[leaf] for leaf in range(tree.num_leaves)]), pi


loci = [draw_locus() for _ in range(NUM_LOCI)]
with (folder / "aligned.fasta").open("w") as file:
    for number, (states, _) in enumerate(loci):
        for name, row in zip(tree.leaf_names, states, strict=True):
            file.write(f">locus{number}|{name}\n{''.join('ACGT'[base] for base in row)}\n")
build_alignment([folder / "aligned.fasta"], folder / "alignment", tree=tree, reference="human")

# %% [markdown]
# ## The network and its training
#
# Dilated convolutions, here over 97 bases where the published network reads 481, equivariant
# under reverse complement by construction. The network reads the base whose rates it predicts, so
# the loss is the log-likelihood of the other species *given* the reference's base: copying it
# would gain nothing. Two loci are kept apart to tell how well it went.

# %%
config = PhyloGPNConfig(
    outer_dim=32,
    inner_dim=32,
    stack_size=2,
    num_stacks=2,
    kernel_size=7,
    token_padding="valid",
    phylogeny=tree.to_newick(),
    reference_leaf="human",
)
model = PhyloGPNForMaskedLM(config)
print(f"{model.num_parameters():,} parameters, {config.receptive_field} bases around each site")

held_out = ["locus0", "locus1"]
alignment = load_alignment(str(folder / "alignment"), held_out=held_out, flank=config.flank)
windows = {
    split: AlignmentWindows(rows, 100, flank=config.flank)
    for split, rows in alignment.splits.items()
}
trainer = PhyloGPNTrainer(
    model,
    TrainingArguments(
        str(folder / "training"),
        max_steps=250,
        per_device_train_batch_size=8,
        learning_rate=3e-3,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        save_strategy="no",
        logging_strategy="no",
        remove_unused_columns=False,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    ),
    train_dataset=windows["train"],
    eval_dataset=windows["test"],
    data_collator=AlignmentCollator(100, config.flank, reverse_complement=0.5),
    eval_collator=AlignmentCollator(100, config.flank),
)
trainer.remove_callback(PrinterCallback)  # we print what we want to see
before = trainer.evaluate()["eval_log_likelihood_per_site"]
trainer.train()
after = trainer.evaluate()["eval_log_likelihood_per_site"]
truth = []
for states, pi in loci[: len(held_out)]:
    columns = states.T  # (LENGTH, leaves)
    of_reference = pi.log().gather(1, columns[:, :1])[:, 0]  # human is the first leaf
    truth.append(f81_log_likelihood(pi.log(), columns, tree) - of_reference)
print("conditional log-likelihood per held-out site")
print(f"  by random weights {before:.3f}, by the trained network {after:.3f}")
print(f"  by the rates that the alignment was drawn with {torch.cat(truth).mean():.3f}")

# %% [markdown]
# ## The rates it predicts
#
# We ask for the rates of a held-out locus, from human's sequence and nothing else. pi gave 85 %
# to the motif's base within its copies, and 25 % to any base elsewhere. Where human itself has
# lost a base of the motif the network cannot see the copy so well, and falls short of the truth,
# as it has to.

# %%
tokenizer = DNATokenizer()
model = model.eval()
states, drawn_with = loci[0]
conserved = drawn_with.amax(-1) > 0.5
human = states[tree.leaf_index("human")]
padded = torch.nn.functional.pad(human, (config.flank, config.flank), value=4)  # 4 is N
with torch.inference_mode():
    output = model(input_ids=padded[None])
log_rates = output.logits[0]  # (LENGTH, 4), in the order A, C, G, T
pi = log_rates.softmax(-1)  # (LENGTH, 4)
of_human = pi[torch.arange(LENGTH), human]
print(f"pi of human's base in copies of the motif: {of_human[conserved].mean():.2f}")
print(f"pi of human's base elsewhere:              {of_human[~conserved].mean():.2f}")

# %% [markdown]
# ## The score of a variant
#
# A change of human's base to another is scored by the difference of two log rates of that site,
# `w(alternative) - w(reference)`: how much more, or less, evolution goes towards the new base
# than towards the old one. The alignment was drawn with log(0.05 / 0.85) = -2.8 for every change
# away from the motif, and with 0 elsewhere. `score_variants` gives this score for whole VCF
# files, with `S` and the entropy of pi.

# %%
ratios = log_rates - log_rates.gather(1, human[:, None])  # (LENGTH, 4), 0 for human's own base
site = int(torch.nonzero(conserved & (of_human > 0.5))[0])
reference = "ACGT"[human[site]]
for base in "ACGT".replace(reference, ""):
    score = output[base][0, site] - output[reference][0, site]
    print(f"site {site}, in the motif, {reference} > {base}: log-likelihood ratio {score:+.2f}")
alternative = torch.arange(4) != human[:, None]
for name, sites in {"in copies of the motif": conserved, "elsewhere": ~conserved}.items():
    mean = ratios[sites][alternative[sites]].mean()
    print(f"mean log-likelihood ratio of all changes {name}: {mean:+.2f}")

# %% [markdown]
# ## Both strands
#
# The other strand evolves as this one does, with A and T, C and G exchanged. The network has that
# built in: its output for the reverse complement is that for the sequence, read backwards.

# %%
other_strand = torch.where(padded < 4, 3 - padded, padded).flip(0)
with torch.inference_mode():
    turned = model(input_ids=other_strand[None]).logits[0].flip(0, 1)
print(f"largest difference between the strands: {(turned - log_rates).abs().max():.1e}")

# %% [markdown]
# ## Save, and load by the Auto classes
#
# The class for predictions at each position has the name of masked language models in
# Transformers, though nothing is masked here. Tree and reference are in the configuration: the
# folder is complete.

# %%
model.save_pretrained(folder / "model")
tokenizer.save_pretrained(folder / "model")
loaded = AutoModelForMaskedLM.from_pretrained(folder / "model").eval()
again = AutoTokenizer.from_pretrained(folder / "model")
text = "".join("ACGTN"[base] for base in padded)
with torch.inference_mode():
    same = loaded(**again(text, return_tensors="pt")).logits[0]
torch.testing.assert_close(same, log_rates)
print(f"The model is in {folder / 'model'}, of the tree {loaded.config.phylogeny}")

# %% [markdown]
# Next: docs/phylogpn_training.md does this with real alignments, `examples/pretrain_phylogpn.py`
# and `examples/evaluate_phylogpn.py`; docs/variant_scores.md has the scores of whole VCF files.
