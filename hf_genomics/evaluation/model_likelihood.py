"""Conditional log-likelihood of every site of an alignment by a `PhyloGPNForMaskedLM`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from transformers.utils.logging import tqdm

from hf_genomics.data.alignment_collator import IGNORED, AlignmentCollator
from hf_genomics.data.alignment_windows import AlignmentWindows
from hf_genomics.evaluation.context_rates import SiteLogLikelihood
from hf_genomics.evaluation.modes import evaluation_mode
from hf_genomics.models.phylogpn.modeling_phylogpn import make_substitution_model
from hf_genomics.models.phylogpn.phylogenetic_likelihood import conditional_log_likelihood


def likelihood_of(model: Any) -> SiteLogLikelihood:
    """Log rates (n, 4) and leaf states (n, S) to (n,), by the tree of a model's configuration."""
    return partial(
        conditional_log_likelihood,
        phylogeny=model.phylogeny,
        reference_leaf=model.config.reference_leaf,
        substitution_model=make_substitution_model(model.config),
    )


def site_log_likelihoods(model: Any, logits: Tensor, labels: Tensor) -> Tensor:
    """Conditional log-likelihood of each site of a batch, without gradient.

    Args:
        model: A `PhyloGPNForMaskedLM` with `phylogeny` and `reference_leaf`.
        logits: (B, L', 4).
        labels: (B, L', S), -100 throughout a site that does not count.

    Returns:
        (B, L') float64, 0 at sites that do not count; computed in the precision of the logits, in
        float32 at least.
    """
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        values = likelihood_of(model)(wide, labels)
    return values.double() * (labels != IGNORED).any(-1)


def without_labels(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a training batch a model needs for its logits."""
    return {k: v for k, v in batch.items() if k not in ("labels", "position_weights")}


def model_log_likelihoods(
    model: Any,
    dataset: Dataset,
    *,
    window: int = 4096,
    batch_size: int = 4,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Conditional log-likelihood of each site with a known reference base, (n,).

    The sites are in the order of the rows: that of `AlignmentSites.from_regions(rows)`.

    Args:
        model: A `PhyloGPNForMaskedLM` with `token_padding="valid"`.
        dataset: Rows of an alignment data set whose leaves are those of the model's tree.
        window: Sites that are computed together; it does not change a result but for rounding,
            unless the model has group norm.
        batch_size: Windows in one forward pass.
        progress: Show a progress bar.
    """
    flank = model.config.flank
    windows: Any = AlignmentWindows(dataset, window, flank=flank)
    loader: DataLoader[dict[str, Tensor]] = DataLoader(
        windows,
        batch_size=batch_size,
        collate_fn=AlignmentCollator(None, flank),
    )
    parts = []
    with evaluation_mode(model):
        for batch in tqdm(loader, desc="Batches of sites", disable=not progress):
            batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
            with torch.inference_mode():
                logits = model(**without_labels(batch)).logits
            values = site_log_likelihoods(model, logits, batch["labels"])
            parts.append(values[(batch["labels"] != IGNORED).any(-1)].cpu().numpy())
    return np.concatenate([np.empty(0), *parts])
