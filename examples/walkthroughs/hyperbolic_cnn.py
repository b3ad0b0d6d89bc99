# %% [markdown]
# # Hyperbolic CNN: sequences of a tree, in a space that has room for trees
#
# "Hyperbolic Genome Embeddings" (Khan et al., ICLR 2025, arXiv 2507.21648) embeds DNA on the
# hyperboloid instead of in flat space. Sequences descend from one another in a tree, and the
# number of its tips grows exponentially with depth. So does the volume of a hyperbolic ball with
# its radius, while that of a flat one grows by a power: a tree fits into hyperbolic space with
# hardly any distortion.
#
# We simulate sequences on a tree, train the network to tell four clades, and look at what it has
# made of its geometry. Run the cells one by one, or the file as it is; either takes under a
# minute.

# %%
import tempfile
from pathlib import Path

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PrinterCallback,
    TrainingArguments,
)
from transformers.utils import logging

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.benchmarks.simulator import simulate_dataset
from hf_genomics.data.collators import SequenceClassificationCollator
from hf_genomics.evaluation.metrics import compute_classification_metrics
from hf_genomics.training.recipes import MODERN, SELECTION_METRIC
from hf_genomics.training.trainer import GenomicsTrainer

logging.disable_progress_bar()
torch.manual_seed(0)
folder = Path(tempfile.mkdtemp(prefix="hyperbolic-cnn-"))

# %% [markdown]
# ## Data: four clades
#
# A balanced tree of 64 species is cut two branches below its root, which gives four clades. The
# label of a sequence is the clade that it descends from. Clades are numbered from left to right,
# so 0 and 1 are sisters, and so are 2 and 3; the sequences themselves show it.

# %%
tokenizer = DNATokenizer()
data = simulate_dataset(
    "clade",
    num_train=600,
    num_validation=200,
    num_test=200,
    length=80,
    seed=1,
    tree="balanced",
    num_leaves=64,
    height=0.4,
    clade_depth=2,
)
names = data["train"].features["label"].names
print(data["train"][0])
print({split: len(rows) for split, rows in data.items()})

test_batch = tokenizer(list(data["test"]["sequence"]), padding=True, return_tensors="pt")
labels = torch.tensor(data["test"]["label"])
bases = test_batch["input_ids"]  # (sequences, bases)
differing = (bases[:, None] != bases[None]).float().mean(-1)  # (sequences, sequences)

others = ~torch.eye(len(labels), dtype=torch.bool)
same_clade = (labels[:, None] == labels[None]) & others
same_side = labels[:, None] // 2 == labels[None] // 2
kinds = {
    "of one clade": same_clade,
    "of sister clades": same_side & ~same_clade & others,
    "across the root": ~same_side,
}
for kind, pairs in kinds.items():
    print(f"bases that differ, {kind:16s} {100 * float(differing[pairs].mean()):.0f} %")

# %% [markdown]
# ## The network
#
# Each base becomes a point of the Lorentz model, the sheet `-x_0^2 + |x_space|^2 = -k`. Lorentz
# convolutions, batch norms and a Lorentz linear layer keep the points on it, and Lorentz
# multinomial logistic regression classifies: a class is a hyperplane of that space, its logit a
# signed distance from it. `k` is learned; the sectional curvature is `-1/k`, so a small `k` means
# a strongly curved space and a large one an almost flat one. With `multi_curvature=True` (the
# paper's HCNN-M) every block has its own.

# %%
config = HyperbolicCNNConfig(
    multi_curvature=True,
    num_channels=12,
    embedding_dim=32,
    max_length=80,
    id2label=dict(enumerate(names)),
    label2id={name: number for number, name in enumerate(names)},
)
model = HyperbolicCNNForSequenceClassification(config)
curvatures_at_start = [k.item() for k in model.curvatures()]
print(f"{model.num_parameters():,} parameters, k at the start: {curvatures_at_start}")

# %% [markdown]
# ## Training
#
# `GenomicsTrainer` is Trainer with an optimizer that knows which parameters live where: the batch
# norms' points move along the hyperboloid by Riemannian Adam, curvatures have a rate of their own
# and never decay, all the rest is AdamW. The recipe `modern` has the numbers; the epoch with the
# best Matthews correlation on the validation split is kept.

# %%
choices = MODERN.training_arguments() | {
    "num_train_epochs": 6,
    "per_device_train_batch_size": 32,
    "remove_unused_columns": False,  # the collator needs the strings
    "use_cpu": True,
    "disable_tqdm": True,
}
trainer = GenomicsTrainer(
    model,
    TrainingArguments(str(folder / "training"), **choices),
    recipe=MODERN,
    train_dataset=data["train"],
    eval_dataset=data["validation"],
    data_collator=SequenceClassificationCollator(tokenizer, config.max_length),
    compute_metrics=compute_classification_metrics,
    processing_class=tokenizer,
)
trainer.remove_callback(PrinterCallback)  # we print what we want to see
trainer.train()
history = trainer.state.log_history
losses = [log["loss"] for log in history if "loss" in log]
correlations = [log[f"eval_{SELECTION_METRIC}"] for log in history if "eval_loss" in log]
for epoch, (loss, correlation) in enumerate(zip(losses, correlations, strict=True), start=1):
    print(f"epoch {epoch}: loss {loss:.3f}, Matthews correlation on validation {correlation:.3f}")
scores = trainer.predict(data["test"]).metrics or {}
print(f"Matthews correlation on the test split: {scores['test_matthews_correlation']:.3f}")

# %% [markdown]
# ## What the curvatures became
#
# Every `k_i`, and the derivative of the loss by it, is also in the log of the training. Blocks go
# different ways: where `k` grows the space becomes flatter, where it shrinks more curved.

# %%
model = model.eval()
for number, (before, after) in enumerate(zip(curvatures_at_start, model.curvatures(), strict=True)):
    print(f"k_{number}: {before:.3f} -> {after.item():.3f}, curvature {-1 / after.item():.3f}")

# %% [markdown]
# ## What the embeddings look like
#
# `pooler_output` of the base model is one point per sequence, and `manifold(-1)` the geoopt
# manifold that it lies on, with the curvature as it is now. The time component of a point follows
# from its space components, `x_0 = sqrt(k + |x_space|^2)`; we check that. Then we compare
# geodesic distances for the same three kinds of pairs as above.

# %%
with torch.inference_mode():
    points = model.base_model(**test_batch).pooler_output  # (sequences, embedding_dim), time first
    manifold = model.manifold(-1)
    times = (manifold.k + points[:, 1:].square().sum(-1)).sqrt()
    torch.testing.assert_close(points[:, 0], times, rtol=1e-4, atol=0)
    distances = manifold.dist(points[:, None], points[None])  # (sequences, sequences)
    from_origin = manifold.dist0(points)
for kind, pairs in kinds.items():
    print(f"geodesic distance, {kind:16s} {distances[pairs].mean().item():.2f}")
print(f"geodesic distance from the origin {from_origin.mean().item():.2f}")

# %% [markdown]
# Sequences of one clade end up closer together than others. Clades lie far from the origin and in
# different directions, where the way from one to another bends back towards the origin: it is
# nearly as long as both distances from there together, as in a tree, where it leads through the
# common ancestor. That sisters share an ancestor is nothing the network was asked for: it knows
# four labels and not the tree between them, so do not expect their distance to say so.
# `geometry="euclidean"` makes the flat twin of the same network, by which to see what the curved
# space is worth on data of your own.
#
# ## Save, and load by the Auto classes
#
# A saved folder holds weights, configuration, tokenizer and the code of the model, so that it
# also loads where this package is not installed (`trust_remote_code=True`).

# %%
model.save_pretrained(folder / "model")
tokenizer.save_pretrained(folder / "model")
loaded = AutoModelForSequenceClassification.from_pretrained(folder / "model").eval()
again = AutoTokenizer.from_pretrained(folder / "model")
few = again(list(data["test"]["sequence"][:4]), padding=True, return_tensors="pt")
with torch.inference_mode():
    torch.testing.assert_close(loaded(**few).logits, model(**few).logits)
    print([loaded.config.id2label[int(i)] for i in loaded(**few).logits.argmax(-1)])
print(f"The model is in {folder / 'model'}")

# %% [markdown]
# Next: `examples/finetune.py` does all this for tables of your own, docs/hyperbolic_cnn.md has
# the options and outputs, docs/results what was measured on real data.
