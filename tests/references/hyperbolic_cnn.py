"""Slow twins of the whole network: on full points with geoopt's maps, and of plain torch layers.

Both take the state of our model (`state_dict`, or the same names with gradients) and token ids, and
spell out the network of HGE (arXiv 2507.21648) with the options of our configuration.

Legend: B batch, L positions, C channels (time included), E embedding width (time included).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.references import lorentz_layers as slow

COMPLEMENT = {0: 3, 1: 2, 2: 1, 3: 0, 4: 4}
PAD = 5


def both_strands(rows: list[list[int]]) -> list[list[int]]:
    """The sequences, then their reverse complements."""
    return rows + [[COMPLEMENT[base] for base in reversed(row)] for row in rows]


def sequences(ids: Tensor) -> list[list[int]]:
    """Token ids `(B, L)` as lists without padding."""
    return [[i for i in row if i != PAD] for row in ids.tolist()]


def one_hot(rows: list[list[int]], length: int) -> tuple[Tensor, Tensor]:
    """Bases `(B, L, 5)`, zeros at padding, and the mask `(B, L, 1)`; float64."""
    bases, mask = torch.zeros(len(rows), length, 5), torch.zeros(len(rows), length, 1)
    for b, row in enumerate(rows):
        for i, base in enumerate(row):
            bases[b, i, base] = mask[b, i] = 1
    return bases.double(), mask.double()


def lorentz_network(
    state: Mapping[str, Tensor], ids: Tensor, k: list[Tensor], config, training: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits `(B, N)` and the running statistics after the pass.

    `k` has one entry for every block and one for the head.
    """
    rows = sequences(ids)
    if config.reverse_complement == "average":
        rows = both_strands(rows)
    length = config.max_length if config.head == "flatten" else ids.shape[1]
    bases, mask = one_hot(rows, length)
    counted = mask[..., 0].bool().tolist()
    if not config.mask_padding:
        mask, counted = torch.ones_like(mask), [[True] * length for _ in rows]
    statistics = {}

    x = slow.lift(bases, k[0])
    for i in range(config.num_layers):
        y = x
        for j in range(2):
            name = f"model.blocks.{i}.layers.{j}"
            weight = state[f"{name}.conv.space.weight"].transpose(1, 2).flatten(1)
            weight = torch.cat([state[f"{name}.conv.time_weight"][:, None], weight], 1)
            y = slow.conv(y, weight, state[f"{name}.conv.space.bias"], k[i])
            old_mean = F.pad(state[f"{name}.norm.running_mean"], (1, 0))
            old_var = state[f"{name}.norm.running_var"]
            if training:
                mean, spread = slow.batch_mean_and_spread(y, k[i], counted)
                old = slow.expmap0(old_mean, k[i], config.max_radius)
                new = slow.running_statistics(
                    old, old_var, mean, spread, k[i], config.batch_norm_momentum
                )
                statistics[f"{name}.norm.running_mean"] = new[0][1:]
                statistics[f"{name}.norm.running_var"] = new[1]
            else:
                mean, spread = slow.expmap0(old_mean, k[i], config.max_radius), old_var
            y = slow.batch_norm(
                y,
                k[i],
                mean=mean,
                spread=spread,
                beta=slow.lift(state[f"{name}.norm.beta"], k[i]),
                gamma=state[f"{name}.norm.gamma"],
                eps=config.batch_norm_eps,
                max_radius=config.max_radius,
            )
            y = slow.relu(y, k[i], x if i > 0 and j == 1 else None)
            y = slow.lift(y[..., 1:] * mask, k[i])
        x = y
        if config.multi_curvature:
            x = slow.change_curvature(y, k[i], k[i + 1], config.max_radius)

    weight = state["model.pooler.linear.space.weight"]
    if config.head == "flatten":  # our columns are channel by channel, the twin's point by point
        weight = weight.unflatten(1, (-1, length)).transpose(1, 2).flatten(1)
        pooled = [slow.direct_concatenation(list(points), k[-1]) for points in x]
    else:
        pooled = [
            slow.centroid(list(points[: len(row)]), k[-1])
            for points, row in zip(x, rows, strict=True)
        ]
    weight = torch.cat([state["model.pooler.linear.time_weight"][:, None], weight], 1)
    bias = state["model.pooler.linear.space.bias"]
    embeddings = [slow.relu(slow.linear(p, weight, bias, k[-1]), k[-1]) for p in pooled]
    if config.reverse_complement == "average":
        half = len(embeddings) // 2
        embeddings = [
            slow.centroid([embeddings[b], embeddings[half + b]], k[-1]) for b in range(half)
        ]
    a, z = state["classifier.a"], state["classifier.z"]
    logits = [
        torch.stack([slow.mlr_logit(e, a[c], z[c], k[-1]) for c in range(len(a))])
        for e in embeddings
    ]
    return torch.stack(logits), statistics


class MaskedBatchNorm(nn.BatchNorm1d):
    """torch's batch norm over the positions that count, all of them in one row."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x (B, C, L)`, `mask (B, L)` boolean."""
        if mask is None:
            return super().forward(x)
        rows = x.transpose(1, 2)  # (B, C, L) -> (B, L, C)
        out = torch.zeros_like(rows)
        out[mask] = super().forward(rows[mask])
        return out.transpose(1, 2)


class EuclideanNetwork(nn.Module):
    """The Euclidean baseline of HGE from torch's layers; flatten head reads `max_length`."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        width, padding = config.num_channels, config.kernel_size // 2
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for i in range(2 * config.num_layers):
            self.convs.append(
                nn.Conv1d(5 if i == 0 else width, width, config.kernel_size, padding=padding)
            )
            self.norms.append(
                MaskedBatchNorm(
                    width, eps=config.batch_norm_eps, momentum=config.batch_norm_momentum
                )
            )
        positions = config.max_length if config.head == "flatten" else 1
        self.embed = nn.Linear(width * positions, config.embedding_dim)
        self.classify = nn.Linear(config.embedding_dim, config.num_labels)

    def load(self, state: Mapping[str, Tensor]) -> "EuclideanNetwork":
        """Takes the weights and statistics of our twin, by name."""
        own = {
            "embed": "model.pooler.linear",
            "classify": "classifier",
        }
        for i in range(2 * self.config.num_layers):
            own[f"convs.{i}"] = f"model.blocks.{i // 2}.layers.{i % 2}.conv"
            own[f"norms.{i}"] = f"model.blocks.{i // 2}.layers.{i % 2}.norm"
        for mine, name in own.items():
            module = self.get_submodule(mine)
            part = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(name)}
            module.load_state_dict(part, strict=False)
        return self.to(next(iter(state.values())).dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits `(B, N)` of token ids `(B, L)`."""
        rows = sequences(ids)
        if self.config.reverse_complement == "average":
            rows = both_strands(rows)
        length = self.config.max_length if self.config.head == "flatten" else ids.shape[1]
        bases, real = one_hot(rows, length)
        keep = real.transpose(1, 2)
        mask = real[..., 0].bool() if self.config.mask_padding else None
        x = bases.transpose(1, 2)
        for i in range(self.config.num_layers):
            y = x
            for j in (2 * i, 2 * i + 1):
                y = self.norms[j](self.convs[j](y), mask)
                if i > 0 and j % 2 == 1:
                    y = y + x
                y = torch.relu(y)
                if mask is not None:
                    y = y * keep
            x = y
        if self.config.head == "flatten":
            pooled = x.flatten(1)
        else:
            pooled = torch.stack([f[:, : len(row)].mean(1) for f, row in zip(x, rows, strict=True)])
        embedding = torch.relu(self.embed(pooled))
        if self.config.reverse_complement == "average":
            embedding = (embedding[: len(ids)] + embedding[len(ids) :]) / 2
        return self.classify(embedding)
