"""The card of a vocabulary, and the configuration behind it as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hf_genomics.data.rewritten_folders import rows_digest
from hf_genomics.models.vqdna.configuration_vqdna_quantizer import PRESETS, VQDNAQuantizerConfig

CODES, CODEBOOK = "codes.json", "codebook.safetensors"


def config_fields() -> list[str]:
    """Fields of the quantizer's own configuration, without those of every model."""
    return [name for name in VQDNAQuantizerConfig.__annotations__ if name != "model_type"]


def preset_of(config: VQDNAQuantizerConfig) -> str | None:
    """The preset that a configuration is of, whatever its seed and whether it is frozen."""
    names = set(config_fields()) - {"codebook_seed", "codebook_frozen"}
    for preset in PRESETS:
        other = VQDNAQuantizerConfig.preset(preset)
        if all(np.array_equal(getattr(config, n), getattr(other, n)) for n in names):
            return preset
    return None


def card(codes: dict[str, Any], checksums: Mapping[str, str]) -> str:
    """A data set card: `datasets` reads the levels by its `configs`.

    Args:
        codes: what `codes.json` holds.
        checksums: SHA-256 of the file of each level, by its name.
    """
    configs = [
        f"- config_name: level_{entry['level']}\n"
        + ("  default: true\n" if entry["level"] == 0 else "")
        + f"  description: codes {rows_digest([checksums[entry['file']]])}\n"
        + f"  data_files:\n  - split: train\n    path: {entry['file']}"
        for entry in codes["levels"]
    ]
    rows = [
        f"| {e['level']} | {e['codebook_size']} | {e['active']} | {e['perplexity']:.1f} | "
        f"{e['receptive_field']} | {e['codes_counted']} |"
        for e in codes["levels"]
    ]
    of = f" of `{codes['model']}`" if codes["model"] else ""
    known = sum(codes["data"]["base_counts"].values())
    return "\n".join(
        [
            "---",
            "pretty_name: Codes of a VQDNA quantizer",
            "tags:",
            "- biology",
            "- dna",
            "- genomics",
            "configs:",
            *configs,
            "---",
            "",
            f"# The vocabulary{of}",
            "",
            f"What each code stands for in {codes['data']['bases']} bases ({known} of them A, C, G "
            f"or T): its counts, its most frequent {codes['k']}-mers, the frequencies of the bases "
            "around it, its partner on the other strand, and its nearest codes. One table per "
            "level, coarse to fine.",
            "",
            "| level | codes | seen | perplexity | bases read | occurrences |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"`{CODEBOOK}` holds the vectors, `{CODES}` the sizes, the configuration and a "
            "checksum of the sequences.",
            "",
            "```python",
            "from datasets import load_dataset",
            "",
            'codes = load_dataset("path/to/this/folder", "level_0", split="train")',
            "```",
            "",
        ]
    )
