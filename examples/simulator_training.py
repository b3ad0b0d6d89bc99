"""One run of examples/simulator_study.py: three matched networks, their training, their distances.

The networks are HCNN-S, HCNN-M and the Euclidean twin. They are matched in parameters (the same
widths in free components), in initialisation (the same numbers wherever the shapes agree) and in
everything of the training but what a geometry has alone: points and curvatures.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import TensorDataset
from transformers import EvalPrediction, PrinterCallback, TrainingArguments, set_seed

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.benchmarks.conditions import CONDITIONS, SimulatedRows
from hf_genomics.benchmarks.parameters import SimulationParameters
from hf_genomics.benchmarks.trees import RootedTree
from hf_genomics.evaluation.geometry import delta_distribution
from hf_genomics.evaluation.metrics import matthews_correlation
from hf_genomics.models.hyperbolic_cnn.lorentz_layers import LorentzConv1d, LorentzLinear
from hf_genomics.training.recipes import MODERN
from hf_genomics.training.trainer import GenomicsTrainer

MODELS: dict[str, dict[str, Any]] = {
    "S": {"geometry": "lorentz"},
    "M": {"geometry": "lorentz", "multi_curvature": True},
    "Euclidean": {"geometry": "euclidean"},
}
MCC = "matthews_correlation"
DIGITS = 9
Floats = NDArray[np.float64]
Splits = dict[str, TensorDataset]


@dataclass(frozen=True)
class Sizes:
    """Of data, networks and training, the same for every run of a study.

    Attributes:
        num_train, num_test: rows; validation has as many as test.
        length: bases.
        width: free components of a feature: channels of the twin, space components on the
            hyperboloid.
        embedding: free components of the pooled embedding.
        num_layers: blocks.
        epochs: passes over the training rows.
        batch_size: rows of a step.
        measured_rows: rows of test whose distances are measured.
    """

    num_train: int = 768
    num_test: int = 256
    length: int = 100
    width: int = 8
    embedding: int = 16
    num_layers: int = 2
    epochs: int = 8
    batch_size: int = 128
    measured_rows: int = 64


def simulated(condition: dict[str, Any], sizes: Sizes, seed: int) -> SimulatedRows:
    """Rows of train, validation and test, one after the other, of a condition of the simulator."""
    parameters = SimulationParameters(
        num_train=sizes.num_train,
        num_validation=sizes.num_test,
        num_test=sizes.num_test,
        length=sizes.length,
        seed=seed,
        **condition,
    )
    return CONDITIONS[parameters.condition](parameters, np.random.default_rng(seed))


def splits_of(rows: SimulatedRows, sizes: Sizes) -> Splits:
    """Token ids `(n, L)` and labels `(n,)` of each split; states are the tokenizer's ids."""
    ids = torch.from_numpy(rows.states.astype(np.int64))
    labels = torch.from_numpy(rows.labels)
    lengths = [sizes.num_train, sizes.num_test, sizes.num_test]
    parts = zip(ids.split(lengths), labels.split(lengths), strict=True)
    names = ("train", "validation", "test")
    return {name: TensorDataset(*part) for name, part in zip(names, parts, strict=True)}


def matched_model(
    name: str, sizes: Sizes, num_labels: int, seed: int
) -> HyperbolicCNNForSequenceClassification:
    """One of MODELS with the weights that this seed gives to all three.

    Weights of convolutions and linear layers are uniform in `1 / sqrt(fan_in)` either way of 0,
    the fan-in without the time component; biases and the classifier's offsets are 0.
    """
    set_seed(seed)
    reference = HyperbolicCNNForSequenceClassification(config_of("S", sizes, num_labels))
    with torch.no_grad():
        nn.init.zeros_(reference.get_parameter("classifier.a"))
        for module in reference.modules():
            if isinstance(module, LorentzConv1d | LorentzLinear):
                bound = module.space.weight[0].numel() ** -0.5
                module.space.weight.uniform_(-bound, bound)
                module.time_weight.uniform_(-bound, bound)
    if name == "S":
        return reference
    given = reference.state_dict()
    if name == "Euclidean":
        given = {key.replace(".space.", "."): value for key, value in given.items()}
        given["classifier.weight"] = given.pop("classifier.z")
        given["classifier.bias"] = given.pop("classifier.a")
    model = HyperbolicCNNForSequenceClassification(config_of(name, sizes, num_labels))
    own = model.state_dict()
    # What is left has one start in each geometry: running statistics, scales, curvatures.
    shared = {key: x for key, x in given.items() if key in own and own[key].shape == x.shape}
    model.load_state_dict(own | shared)
    return model


def config_of(name: str, sizes: Sizes, num_labels: int) -> HyperbolicCNNConfig:
    """The widths of the hyperbolic networks count the time component."""
    time_component = int(MODELS[name]["geometry"] == "lorentz")
    options = MODELS[name] | {"num_labels": num_labels}
    return HyperbolicCNNConfig(
        num_channels=sizes.width + time_component,
        embedding_dim=sizes.embedding + time_component,
        num_layers=sizes.num_layers,
        max_length=sizes.length,
        **options,
    )


def train(
    model: nn.Module, splits: Splits, sizes: Sizes, *, learning_rate: float, seed: int
) -> dict[str, float]:
    """Trains by the `modern` recipe, keeps the epoch of the best validation MCC, scores test once.

    Returns:
        `validation_mcc`, `test_mcc`, `steps`, `best_step` and `train_seconds`.
    """
    recipe = dataclasses.replace(
        MODERN,
        learning_rate=learning_rate,
        batch_size=sizes.batch_size,
        num_train_epochs=sizes.epochs,
    )
    with tempfile.TemporaryDirectory() as folder:
        options = recipe.training_arguments() | {
            "output_dir": folder,
            "seed": seed,
            "per_device_eval_batch_size": 512,
            "use_cpu": True,
            "disable_tqdm": True,
            "save_only_model": True,
            "save_strategy": "best",
            "save_total_limit": 1,
            "logging_strategy": "no",
        }
        trainer = GenomicsTrainer(
            model=model,
            args=TrainingArguments(**options),
            recipe=recipe,
            train_dataset=splits["train"],
            eval_dataset=splits["validation"],
            data_collator=collate,
            compute_metrics=mcc,
        )
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
        scores = {f"{split}_mcc": score(trainer, splits[split]) for split in ("validation", "test")}
    return scores | {
        "steps": trainer.state.global_step,
        "best_step": trainer.state.best_global_step or 0,
        "train_seconds": round(seconds, 2),
    }


def mcc(prediction: EvalPrediction) -> dict[str, float]:
    """The one score of the study: all of the library's take longer than an epoch here."""
    classes = np.asarray(prediction.predictions).argmax(-1)
    return {MCC: matthews_correlation(np.asarray(prediction.label_ids), classes)}


def score(trainer: GenomicsTrainer, rows: TensorDataset) -> float:
    """MCC of the trainer's model."""
    return float((trainer.predict(rows).metrics or {})[f"test_{MCC}"])


def collate(rows: list[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, torch.Tensor]:
    ids, labels = zip(*rows, strict=True)
    return {"input_ids": torch.stack(ids), "labels": torch.stack(labels)}


@torch.no_grad()
def embedding_distances(model: Any, input_ids: torch.Tensor) -> Floats:
    """Distances `(n, n)` of the pooled embeddings in the model's own geometry."""
    model.eval()
    points = model.model(input_ids).pooler_output.double()
    manifold = model.manifold(-1).double()
    if model.config.geometry == "lorentz":  # float32 rounds the time component of far points
        points[:, 0] = (manifold.k + points[:, 1:].square().sum(1)).sqrt()
    d = manifold.dist(points[:, None], points[None, :])
    return np.asarray(((d + d.T) / 2).fill_diagonal_(0))


def hamming_distances(states: NDArray[np.uint8]) -> Floats:
    """Share of differing bases `(n, n)` of rows `(n, L)`."""
    return np.asarray((states[:, None] != states[None, :]).mean(2))


def path_lengths(tree: RootedTree) -> Floats:
    """Lengths of the paths between all nodes of a tree `(num_nodes, num_nodes)`."""
    d = np.zeros((tree.num_nodes, tree.num_nodes))
    for node in range(1, tree.num_nodes):
        length = tree.branch_lengths[node]
        d[node, :node] = d[:node, node] = d[tree.parents[node], :node] + length
    return d


def tree_distances(rows: SimulatedRows, chosen: slice) -> Floats | None:
    """Path lengths `(n, n)` between the chosen rows; None if some are not on a tree."""
    leaves = rows.leaves[chosen]
    if rows.tree is None or (leaves < 0).any():
        return None
    tree, numbers = rows.tree.restricted_to(leaves)
    return path_lengths(tree)[np.ix_(numbers, numbers)]


def delta_of(distances: Floats | None) -> dict[str, Any] | None:
    """Mean and largest relative delta; None without distances, or if all are 0."""
    if distances is None or not distances.any():
        return None
    found = delta_distribution(distances)
    # Rounded, so that the delta of a tree, 0 but for rounding, has no ranks.
    return {
        "mean": round(found.mean, DIGITS),
        "largest": round(found.largest, DIGITS),
        "diameter": found.diameter,
        "num_points": found.num_points,
    }


def digest(*arrays: NDArray[Any]) -> str:
    """What tells whether two runs had the same data."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def one_run(
    condition: dict[str, Any], name: str, sizes: Sizes, *, learning_rate: float, seed: int
) -> dict[str, Any]:
    """Everything that is kept of one network on one data set."""
    rows = simulated(condition, sizes, seed)
    splits = splits_of(rows, sizes)
    model = matched_model(name, sizes, len(rows.label_names), seed)
    before = model.curvatures().tolist()
    scores = train(model, splits, sizes, learning_rate=learning_rate, seed=seed)
    first = sizes.num_train + sizes.num_test
    chosen = slice(first, first + sizes.measured_rows)
    embedded = embedding_distances(model, torch.from_numpy(rows.states[chosen].astype(np.int64)))
    return {
        **scores,
        "num_labels": len(rows.label_names),
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "data": digest(rows.states, rows.labels),
        "curvature_before": before,
        "curvature_after": model.curvatures().tolist(),
        "delta": {
            "tree": delta_of(tree_distances(rows, chosen)),
            "hamming": delta_of(hamming_distances(rows.states[chosen])),
            "embedding": delta_of(embedded),
        },
    }


def drawn_embeddings(
    conditions: dict[str, dict[str, Any]], sizes: Sizes, *, learning_rate: float, seed: int
) -> tuple[dict[str, tuple[Floats, NDArray[np.int64], float]], list[dict[str, Any]]]:
    """HCNN-S with points of a plane, trained on each condition, and where it puts test rows.

    Returns:
        By condition points `(n, 3)`, labels `(n,)` and k; and the facts of each run.
    """
    panels, facts = {}, []
    for title, condition in conditions.items():
        rows = simulated(condition, sizes, seed)
        splits = splits_of(rows, sizes)
        model = matched_model("S", sizes, len(rows.label_names), seed)
        scores = train(model, splits, sizes, learning_rate=learning_rate, seed=seed)
        ids, labels = splits["test"].tensors
        with torch.no_grad():
            points = model.eval().model(ids).pooler_output.double().numpy()
        k = float(model.manifold(-1).k)
        panels[f"{title}, test MCC {scores['test_mcc']:.2f}"] = (points, labels.numpy(), k)
        facts.append({"title": title, "condition": condition, "k": k, "seed": seed, **scores})
    return panels, facts
