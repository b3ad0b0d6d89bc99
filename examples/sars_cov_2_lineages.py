"""What a VQDNA vocabulary tells of SARS-CoV-2: lineages of genomes, and mutations of the spike.

    python examples/sars_cov_2_lineages.py --models robust=runs/robust adapted=runs/adapted \\
        --genomes genbank_examples_322.fasta.gz --labels genbank_examples_322.csv \\
        --consensus pango_consensus_aligned.fasta.gz --reference sars_cov_2_MN908947.fa.gz \\
        --output_dir runs/sars_cov_2

Embeds genomes by their codes and measures how well lineages come apart, beside k-mers, random codes
and what their lengths alone tell; draws them; and lists the codes that change at the published
spike mutations of Alpha, Delta and Omicron. docs/sars_cov_2.md says what each number is, and how a
quantizer is adapted first.

Writes sars_cov_2.json, sars_cov_2.md and sars_cov_2.png to --output_dir, and the genomes' codes to
codes_NAME.npz there: a command that was stopped goes on from those when it is repeated. The picture
is by UMAP with the extra `umap`, else by t-SNE.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_genomics import VQDNAQuantizerModel
from hf_genomics.data.fasta import read_fasta
from hf_genomics.evaluation.lineage_codes import Codes, ContextCodes, codes_of_genomes
from hf_genomics.evaluation.lineage_figure import lineage_panels, two_dimensions
from hf_genomics.evaluation.lineage_markers import marker_table
from hf_genomics.evaluation.lineage_mutations import CONSENSUS_OF, spike_mutations
from hf_genomics.evaluation.lineage_study import (
    BASELINE,
    Floats,
    LabelledGenomes,
    baseline_embeddings,
    code_embeddings,
    codebooks_of,
    codes_in_use,
    compare_embeddings,
    model_embeddings,
    read_labelled_genomes,
    untrained,
)
from hf_genomics.evaluation.lineage_tables import (
    embedding_table,
    mutation_summary,
    mutation_table,
    summary_table,
)
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
    commit = source_commit()  # of the code that runs, not of what is checked out at the end
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with user_errors_in_one_line("sars_cov_2_lineages.py"):
        genomes = read_labelled_genomes(args.genomes, args.labels, min_jaccard=args.min_jaccard)
    named = genomes.where(genomes.named)

    # The genomes with a name alone are scored; the picture shows all.
    scored, drawn = baseline_embeddings(named.sequences), {}
    markers: dict[str, list[dict[str, Any]]] = {}
    used: dict[str, list[int]] = {}
    for number, (name, path) in enumerate(models_of(args.models).items()):
        with user_errors_in_one_line("sars_cov_2_lineages.py"):
            model = load_whole(VQDNAQuantizerModel, path).eval().to(args.device)
        reader = ContextCodes(model)
        codes = codes_of_genomes(reader, genomes.sequences, folder / f"codes_{name}.npz")
        scored |= embeddings_of(name, model, codes, genomes)
        used[name] = [codes_in_use(codes, level) for level in range(len(codes[0]))]
        if number == 0:
            drawn = drawn_embeddings(name, model, codes, genomes)
        if len(codes[0]) == 2 and args.consensus and args.reference:
            markers[name] = markers_of(reader, codes, genomes, args)
    random = untrained(model, args.seed)
    codes = codes_of_genomes(ContextCodes(random), named.sequences, folder / "codes_untrained.npz")
    scored |= {
        f"untrained: {kind}": vectors
        for kind, vectors in model_embeddings(codes, codebooks_of(random)).items()
    }
    used["untrained"] = [codes_in_use(codes, level) for level in range(len(codes[0]))]

    scores = compare_embeddings(scored, named.variants, named.lineages, seed=args.seed)
    summaries = {name: mutation_summary(rows) for name, rows in markers.items()}
    method = draw(drawn, genomes, folder / "sars_cov_2.png", args.seed)
    tables = [embedding_table(scores)]
    if markers:
        tables += [summary_table(summaries), mutation_table(next(iter(markers.values())))]
    text = "\n".join(tables)
    (folder / "sars_cov_2.md").write_text(text)
    print(text)
    print(f"The picture is by {method}.")
    write_results(
        folder / "sars_cov_2.json",
        {
            "embeddings": {name: as_numbers(row) for name, row in scores.items()},
            "genomes": {label: int((genomes.variants == label).sum()) for label in labels(genomes)},
            "pango_lineages": {
                label: len(np.unique(genomes.lineages[genomes.variants == label]))
                for label in labels(genomes)
            },
            "codes_in_use": used,
            "mutations_summary": summaries,
            "mutations": markers,
            "picture": method,
            "arguments": vars(args),
            "commit": commit,
            "command": command_line(),
            "versions": package_versions(),
        },
    )


def models_of(arguments: list[str]) -> dict[str, str]:
    """Folders by name; a folder without a name is called by its last part."""
    return named_folders(arguments, lambda at: Path(at).name)


def embeddings_of(
    name: str, model: VQDNAQuantizerModel, codes: list[Codes], genomes: LabelledGenomes
) -> dict[str, Floats]:
    """Embeddings of the genomes that are scored, by names that begin with the model's."""
    of_named = [c for c, keep in zip(codes, genomes.named, strict=True) if keep]
    embeddings = model_embeddings(of_named, codebooks_of(model))
    return {f"{name}: {kind}": vectors for kind, vectors in embeddings.items()}


def drawn_embeddings(
    name: str, model: VQDNAQuantizerModel, codes: list[Codes], genomes: LabelledGenomes
) -> dict[str, Floats]:
    """Embeddings of all genomes, by the title of their panel."""
    of_codes = code_embeddings(codes, codebooks_of(model))
    panels = {f"{name}: {kind}": vectors for kind, vectors in of_codes.items()}
    return panels | {BASELINE: baseline_embeddings(genomes.sequences)[BASELINE]}


def markers_of(
    reader: ContextCodes,
    codes: list[Codes],
    genomes: LabelledGenomes,
    args: argparse.Namespace,
) -> list[dict[str, Any]]:
    """The table of mutations, with the real genomes but for recombinants of several lineages."""
    aligned = {record.name: record.sequence.upper() for record in read_fasta(args.consensus)}
    lacking = [name for name in CONSENSUS_OF.values() if name not in aligned]
    if lacking:
        raise ValueError(f"{args.consensus} lacks {', '.join(lacking)}; pass one that has them.")
    kept = genomes.variants != "recombinant"
    of_one = genomes.where(kept)
    return marker_table(
        spike_mutations(),
        {variant: aligned[lineage] for variant, lineage in CONSENSUS_OF.items()},
        next(read_fasta(args.reference)).sequence.upper(),
        of_one.sequences,
        [c for c, keep in zip(codes, kept, strict=True) if keep],
        of_one.variants.tolist(),
        reader,
        reader.radius,
    )


def draw(drawn: dict[str, Floats], genomes: LabelledGenomes, path: Path, seed: int) -> str:
    """Draws all panels; the name of the method."""
    points = {title: two_dimensions(vectors, seed=seed) for title, vectors in drawn.items()}
    panels = {title: found for title, (found, _) in points.items()}
    lineage_panels(panels, genomes.variants).savefig(path, dpi=110)
    return next(method for _, method in points.values())


def labels(genomes: LabelledGenomes) -> list[str]:
    return [str(label) for label in np.unique(genomes.variants)]


def as_numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {key: getattr(value, "__dict__", value) for key, value in row.items()}


def parse_arguments(command: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--models",
        nargs="+",
        required=True,
        help="Folders or Hub ids of quantizers, each also as NAME=FOLDER. The first one is drawn.",
    )
    parser.add_argument("--genomes", required=True, help="FASTA of real genomes, not aligned.")
    parser.add_argument(
        "--labels",
        required=True,
        help="CSV of the genomes: name, nearest_who, nearest_pango, jaccard.",
    )
    parser.add_argument("--min_jaccard", type=float, default=0.5, help="Of labels that are used.")
    parser.add_argument("--consensus", help="FASTA of Pango consensus sequences, aligned.")
    parser.add_argument("--reference", help="FASTA of the genome to which they are aligned.")
    parser.add_argument("--seed", type=int, default=0, help="Of folds, random codes and picture.")
    default_device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default_device)
    parser.add_argument("--output_dir", required=True)
    args = parser.parse_args(command)
    if bool(args.consensus) != bool(args.reference):
        parser.error("--consensus and --reference go together: mutations need both")
    return args


if __name__ == "__main__":
    main()
