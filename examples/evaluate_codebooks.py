"""Measure what VQDNA quantizers have learned, on sequence held out from their training.

    python examples/evaluate_codebooks.py --models robust=runs/robust paper=runs/paper \\
        --genomes yeast.fa.gz --held_out chrXVI:800000-900000 --output_dir results/codebooks

Use of the codes, bits of k-mers under a code, leaks, errors, consistency under shifts, strands and
substitutions: docs/vqdna_training.md says what each measure is. Writes codebooks.json and
codebooks.md to --output_dir.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import HFValidationError
from transformers.utils.logging import tqdm

from hf_genomics import DNATokenizer, VQDNAQuantizerModel
from hf_genomics.data.genome_windows import GenomeWindows, WindowCollator, load_genomes
from hf_genomics.evaluation.codebooks import SHIFT, as_table, codebook_metrics
from hf_genomics.evaluation.loaded_weights import load_whole
from hf_genomics.evaluation.named_models import named_folders
from hf_genomics.evaluation.results import (
    command_line,
    package_versions,
    source_commit,
    write_results,
)
from hf_genomics.training.user_errors import user_errors_in_one_line


def main() -> None:
    args = parse_arguments(sys.argv[1:])
    with user_errors_in_one_line("evaluate_codebooks.py"):
        folders = named_folders(args.models)
        models = {name: load_model(source, args.window) for name, source in folders.items()}
        rows = load_genomes(args.genomes, held_out=args.held_out, want_held_out=True)
        windows = GenomeWindows(rows, args.window)
    collate = WindowCollator(DNATokenizer())
    input_ids = collate([windows[i] for i in range(len(windows))])["input_ids"]
    results: dict[str, dict[str, Any]] = {}
    for name, model in tqdm(models.items(), desc="models"):
        model.to(args.device)
        metrics = codebook_metrics(
            model, input_ids.to(args.device), batch_size=args.batch_size, seed=args.seed
        )
        sizes = {"num_parameters": model.num_parameters()}
        sizes |= {f"codes_{i}": size for i, size in enumerate(model.config.codebook_sizes)}
        results[name] = sizes | metrics
    names = list(dict.fromkeys(name for metrics in results.values() for name in metrics))
    table = as_table(results, names)
    print(table)
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "codebooks.md").write_text(table)
    write_results(
        folder / "codebooks.json",
        {
            "models": results,
            "windows": len(windows),
            "arguments": vars(args),
            "commit": source_commit(),
            "command": command_line(),
            "versions": package_versions(),
        },
    )


def load_model(source: str, window: int) -> VQDNAQuantizerModel:
    """The quantizer of a folder or Hub id, in evaluation mode.

    Raises:
        ValueError: there is none, or it needs longer windows.
    """
    try:
        model: VQDNAQuantizerModel = load_whole(VQDNAQuantizerModel, source).eval()
    except (OSError, HFValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"--models: no quantizer can be loaded from {source!r}; name the folder of a run of "
            f"examples/train_vqdna_tokenizer.py, or a Hub id ({reason})"
        ) from error
    needed = 2 * model.receptive_radius + SHIFT + 1
    if window < needed:
        raise ValueError(
            f"--window is {window}, but measures of {source} need windows of {needed} bases or "
            f"more; pass --window {needed}, or a longer one."
        )
    return model


def parse_arguments(command: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", required=True, help="Folders or Hub ids, each also as NAME=FOLDER."
    )
    parser.add_argument("--genomes", nargs="+", required=True, help="As they were trained on.")
    parser.add_argument(
        "--held_out", nargs="+", required=True, help="Contigs NAME or stretches NAME:START-END."
    )
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    default_device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default_device)
    parser.add_argument("--output_dir", required=True)
    return parser.parse_args(command)


if __name__ == "__main__":
    main()
