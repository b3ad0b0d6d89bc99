"""What train_ready_models.py trains: the steps of every model, and the facts for its card."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ready_model_data import (
    BIRDS,
    BIRDS_ALIGNMENT,
    GENOMES,
    GUE_NOTES,
    HELD_OUT_STRETCHES,
    MAMMALS,
    MAMMALS_ALIGNMENT,
    SIX_GENOMES,
    AlignmentSource,
)

from hf_genomics.hub.runs import LIKELIHOOD, RESULTS, DataFacts

EXAMPLES = Path(__file__).resolve().parent
QUANTIZED_FROM = (
    100  # steps without codes at the start: kmeans_warmup_steps of VQDNAQuantizerConfig
)
# Fitting tables of 5-mers takes longer than a trial should.
TRIAL = "--strands one --sizes 1 --block_length 1000 --num_resamples 100"


@dataclass(frozen=True)
class Step:
    """One process.

    Attributes:
        command: what to run; paths in the output folder count from there.
        makes: the file that is there once it has ended well, likewise.
    """

    command: tuple[str, ...]
    makes: str


@dataclass(frozen=True)
class ReadyModel:
    """A repository to be.

    Attributes:
        name: of the repository, and of the folder in `runs`.
        family: what stands for it and its kin in `--only`.
        facts: what its card says of the training data.
        needs: files of the data folder, with their paths from there.
        steps: in their order.
        after: the model that has to be there first.
    """

    name: str
    family: str
    facts: DataFacts
    needs: tuple[str, ...]
    steps: tuple[Step, ...]
    after: str | None = None

    @property
    def folder(self) -> str:
        return f"runs/{self.name}"


def plan(data: Path, max_steps: int | None = None) -> list[ReadyModel]:
    """Every model that the layout of the data folder has a place for, in the order to train them.

    Args:
        data: folder as the help of train_ready_models.py has it.
        max_steps: shortens every training to so many optimizer steps.
    """
    quantizer = vqdna_quantizer(data, max_steps)
    return [
        *hyperbolic(data, max_steps),
        phylogpn(
            "phylogpn-birds",
            data,
            BIRDS_ALIGNMENT,
            BIRDS,
            "--config_overrides outer_dim=128,inner_dim=64,stack_size=3,num_stacks=3 --held_out "
            "chr28 --validation chr22:246000-250000 chr25:246000-250000 --learning_rate 2e-4 "
            "--weight_decay 0.5 --per_device_train_batch_size 4 --warmup_steps 50",
            evaluation="--strands one both --block_length 1000",
            steps=(900, 100),
            max_steps=max_steps,
        ),
        phylogpn(
            "phylogpn-mammals",
            data,
            MAMMALS_ALIGNMENT,
            MAMMALS,
            "--config_overrides outer_dim=256,inner_dim=128,stack_size=3,num_stacks=3 --held_out "
            "BRCA1 BRCA2_001 FANCM_001 SETX RIF1 ETAA1 TLR3_001 MAP1B ZNF292 ENAM AKAP12 F5 RAG1 "
            "ATRX IGSF10 TEX15 GPATCH8 VCAN_001 --validation ALPK1 RP1_001 ZNF407 SYNM_001 SETD2 "
            "LCOR NPAT DSEL XIRP1 USF3 --learning_rate 1e-3 --per_device_train_batch_size 2 "
            "--warmup_steps 100",
            evaluation="--strands one both --codons",
            steps=(6000, 500),
            max_steps=max_steps,
        ),
        quantizer,
        vqdna_language_model(data, quantizer, max_steps),
    ]


def hyperbolic(data: Path, max_steps: int | None) -> list[ReadyModel]:
    """A classifier for every set of GUE that has train, validation and test."""
    models = []
    for folder in sorted((data / "gue").glob("*/*")):
        splits = {file.name.partition(".")[0] for file in folder.glob("*.csv*")}
        if not splits >= {"train", "dev", "test"}:
            continue  # trained on another split it would be another benchmark
        group, name = folder.parent.name, folder.name
        short = name if name.startswith(group) else f"{group}-{name}"
        model = "hcnn-" + short.replace("_", "-").lower()
        step = training(
            "finetune.py",
            model,
            "--model_type hyperbolic_cnn --preset residual --recipe one_cycle "
            "--drop_shared_rows true --save_strategy best",
            ["--dataset_name", str(data / "gue"), "--dataset_config_name", f"{group}/{name}"],
            max_steps=max_steps,
        )
        facts = DataFacts(
            f"GUE, {group}/{name}{GUE_NOTES.get(f'{group}/{name}', '')}",
            "none is stated for the data; the benchmark's repository is under Apache-2.0",
            "https://github.com/MAGICS-LAB/DNABERT_2",
        )
        models.append(ReadyModel(model, "hyperbolic", facts, (), (step,)))
    return models


def phylogpn(
    name: str,
    data: Path,
    source: AlignmentSource,
    facts: DataFacts,
    options: str,
    *,
    evaluation: str,
    steps: tuple[int, int],
    max_steps: int | None,
) -> ReadyModel:
    """Columns of the alignment, the network, and its likelihood, by the commands of docs/results.

    Args:
        options: of pretrain_phylogpn.py.
        evaluation: options of evaluate_phylogpn.py, but for a trial.
        steps: of training, and between evaluations.
        max_steps: in place of both; makes it a trial.
    """
    columns = f"data/{name}"
    total, between = (max_steps, max_steps) if max_steps else steps
    build = Step(
        (
            *(sys.executable, "-m", "hf_genomics.cli", "build-alignment", str(data / source.file)),
            *("--tree", str(data / source.tree), "--reference", source.reference),
            *("--species-map", str(data / source.species_map)),
            *("--name-column", source.columns[0], "--leaf-column", source.columns[1]),
            *("--source", facts.origin, "--output", columns),
        ),
        f"{columns}/alignment.json",
    )
    train = training(
        "pretrain_phylogpn.py",
        name,
        f"{options} --window 1024 --other_references 0.7 --lr_scheduler_type cosine "
        "--eval_strategy steps --save_strategy steps "
        f"--eval_steps {between} --save_steps {between}",
        ["--dataset_name", columns],
        max_steps=total,
    )
    run = f"runs/{name}"
    evaluate = Step(
        (
            *(sys.executable, str(EXAMPLES / "evaluate_phylogpn.py"), "--model", run),
            *(*(TRIAL if max_steps else evaluation).split(), "--output_dir", run),
        ),
        f"{run}/{LIKELIHOOD}",
    )
    needs = (source.file, source.tree, source.species_map)
    return ReadyModel(name, "phylogpn", facts, needs, (build, train, evaluate))


def vqdna_quantizer(data: Path, max_steps: int | None) -> ReadyModel:
    """The vocabulary by the preset `robust`, as in docs/results/vqdna but for longer."""
    options = "--preset robust --window 512 --per_device_train_batch_size 8 --bf16 true"
    if max_steps is not None and max_steps <= QUANTIZED_FROM:
        options += f" --config_overrides kmeans_warmup_steps={max_steps // 2}"
    name = "vqdna-quantizer"
    step = training(
        "train_vqdna_tokenizer.py", name, options, genomes(data), max_steps=max_steps or 1000
    )
    return ReadyModel(name, "vqdna", SIX_GENOMES, GENOMES, (step,))


def vqdna_language_model(data: Path, quantizer: ReadyModel, max_steps: int | None) -> ReadyModel:
    """A small Transformer on the codes of `quantizer`."""
    name = "vqdna-language-model"
    step = training(
        "pretrain_vqdna.py",
        name,
        f"--quantizer {quantizer.folder} --window 510 --per_device_train_batch_size 8 --bf16 true "
        "--config_overrides hidden_size=256,num_hidden_layers=6,num_attention_heads=4,"
        "intermediate_size=1024",
        genomes(data),
        max_steps=max_steps or 2000,
    )
    return ReadyModel(name, "vqdna", SIX_GENOMES, GENOMES, (step,), after=quantizer.name)


def genomes(data: Path) -> list[str]:
    files = [str(data / genome) for genome in GENOMES]
    return ["--genomes", *files, "--held_out", *HELD_OUT_STRETCHES]


def training(
    script: str, name: str, options: str, paths: Sequence[str], *, max_steps: int | None
) -> Step:
    """A training by one of the examples, which goes on where it was if it was killed."""
    run = f"runs/{name}"
    shortened = ["--max_steps", str(max_steps)] if max_steps else []
    command = [sys.executable, str(EXAMPLES / script), *options.split(), *paths, *shortened]
    command += ["--output_dir", run, "--resume_from_checkpoint", "true", "--disable_tqdm", "true"]
    return Step(tuple(command), f"{run}/{RESULTS}")
