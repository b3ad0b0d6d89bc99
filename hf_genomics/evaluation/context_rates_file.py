"""Fitted tables of rates in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from hf_genomics.evaluation.context_rates import Context, ContextRates


def save_context_rates(path: str | Path, fitted: Mapping[str, ContextRates]) -> None:
    """Writes the tables, all of those that they shrink to included."""
    tables = {}
    description: dict[str, dict[str, Any]] = {}
    for name, rates in fitted.items():
        tables[name] = rates.table.contiguous()
        description[name] = {"context": asdict(rates.context), "prior_std": rates.prior_std}
    save_file(tables, str(path), metadata={"tables": json.dumps(description)})


def load_context_rates(path: str | Path) -> dict[str, ContextRates]:
    """Reads what `save_context_rates` has written, in the same order.

    Raises:
        ValueError: The file holds something else, or a table without the one it shrinks to.
    """
    fitted: dict[str, ContextRates] = {}
    with safe_open(str(path), framework="pt") as file:
        described = (file.metadata() or {}).get("tables")
        if described is None:
            raise ValueError(f"{path} holds no tables of rates; evaluate_phylogpn.py writes them.")
        for name, entry in json.loads(described).items():
            context = Context(**entry["context"])
            parent = context.parent
            if parent is not None and parent.name not in fitted:
                raise ValueError(f"{path} has {name!r} without {parent.name!r}; fit both again.")
            fitted[name] = ContextRates(
                context,
                file.get_tensor(name),
                None if parent is None else fitted[parent.name],
                entry["prior_std"],
            )
    return fitted
