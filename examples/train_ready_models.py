"""Train one small checkpoint of every family, and leave them ready to be published.

    python examples/train_ready_models.py --data path/to/data --output_dir path/to/ready --owner me
    python upload.py all path/to/ready/publish.yaml --dry-run

Every step is a process of the script that users start themselves; --dry_run prints them. A step
that is done is not repeated and a training that was killed goes on, so the same command goes on
where it was stopped. --max_steps shortens every training and compares with fewer tables of rates,
to try all of it in another folder.

--only takes names, or families for all of theirs:

    hyperbolic   hcnn-SET for every set of GUE that has its three splits: preset residual,
                 recipe one_cycle
    phylogpn     phylogpn-birds, phylogpn-mammals: columns of the alignment, the network, and its
                 likelihood beside tables of rates
    vqdna        vqdna-quantizer, vqdna-language-model (which needs the former)

Layout of --data; models whose files are not there are left out and named:

    gue/GROUP/SET/{train,dev,test}.csv or .csv.gz      mouse/2, prom/prom_core_tata, ...
    alignments/maf/galGal6_chr22_25_28_53birds.maf.gz
    alignments/maf/species_to_tree.csv                 with columns assembly, leaf
    alignments/relec_mammal_exons/relec_171_loci.aligned.fasta.gz
    alignments/relec_mammal_exons/species_map.csv      with columns relec_name, leaf_in_447_tree
    trees/53birds.nh, trees/447-mammalian-2022v1.nh
    genomes/*.fa.gz                                    the six named in ready_models.py

What is left in --output_dir: runs/NAME, each with card.yaml, which says what its data are; data,
the columns of the alignments; logs; and publish.yaml, which lists the runs that are done.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml
from ready_models import ReadyModel, Step, plan

from hf_genomics.hub.batch import LIST_FILE
from hf_genomics.hub.runs import FACTS


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_arguments(argv)
    data, output = args.data.resolve(), args.output_dir.resolve()
    if not data.is_dir():
        sys.exit(f"Error: there is no folder {args.data} (--data).")
    models = with_files(plan(data, args.max_steps), data)
    chosen = choose(models, args.only)
    if args.dry_run:
        print(f"cd {shlex.quote(str(output))}")
        for step in (step for model in chosen for step in model.steps):
            print(shlex.join(step.command))
        return
    failed: list[str] = []
    for model in chosen:
        if model.after in failed:  # what lies there is not finished, or was made otherwise
            print(f"{model.name}: has to wait for {model.after}", flush=True)
        elif train(model, data, output):
            continue
        failed.append(model.name)
    write_list(done_of(models, output), output, args.owner)
    if failed:
        sys.exit(f"Error: not finished: {', '.join(failed)}; see {output / 'logs'}")


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the layout above")
    parser.add_argument("--output_dir", type=Path, required=True, help="outside of git")
    parser.add_argument("--owner", required=True, help="user or organisation on the Hub")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="models or families")
    parser.add_argument("--max_steps", type=int, help="of every training, for a trial")
    parser.add_argument("--dry_run", action="store_true", help="print the commands, run nothing")
    args = parser.parse_args(argv)
    if args.max_steps is not None and args.max_steps < 1:
        parser.error(f"--max_steps is {args.max_steps}; give 1 or more")
    return args


def with_files(models: list[ReadyModel], data: Path) -> list[ReadyModel]:
    """The models whose data are there; the others are named."""
    found = []
    for model in models:
        missing = [file for file in model.needs if not (data / file).is_file()]
        if missing:
            print(f"{model.name} is left out: {data} has no {', '.join(missing)}", file=sys.stderr)
        else:
            found.append(model)
    return found


def choose(models: list[ReadyModel], only: list[str]) -> list[ReadyModel]:
    """The models with these names or families, and those that they need, in the plan's order."""
    known = {model.name for model in models} | {model.family for model in models}
    unknown = sorted(set(only) - known)
    if unknown or not models:
        sys.exit(
            f"Error: with these data there is no {' and no '.join(unknown) or 'model to train'}"
            + (f"; there are {', '.join(sorted(known))}." if known else "; see --help.")
        )
    names = {model.name for model in models if not only or {model.name, model.family} & set(only)}
    names |= {model.after for model in models if model.name in names and model.after}
    return [model for model in models if model.name in names]


def train(model: ReadyModel, data: Path, output: Path) -> bool:
    """Runs what is not done of a model; True if all of it is done in the end."""
    if not all(finish(step, data, output) for step in model.steps):
        return False
    facts = {key: value for key, value in asdict(model.facts).items() if value}
    card = yaml.safe_dump({"license": "apache-2.0", "data": facts}, sort_keys=False)
    (output / model.folder / FACTS).write_text(card, encoding="utf-8")
    print(f"{model.name}: done", flush=True)
    return True


def finish(step: Step, data: Path, output: Path) -> bool:
    """Runs a step unless what it makes is there; True if it is there in the end.

    What was made by another command, as of a trial, is not taken for it.
    """
    log, record = log_of(step, output), record_of(step, output)
    command, made = recorded(step), output / step.makes
    if made.parent.is_dir() and is_of_another(step, output):
        print(
            f"{made.parent} was made by another command:\n  {record.read_text()}\nand not by\n  "
            f"{command}\nRemove it, or pass another --output_dir.",
            file=sys.stderr,
        )
        return False
    if made.is_file():
        return True
    log.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(command)
    print(f"{step.makes}: running; {log} is its log", flush=True)
    with log.open("a") as stream:
        subprocess.run(step.command, cwd=output, stdout=stream, stderr=stream, check=False)
    return made.is_file()


def log_of(step: Step, output: Path) -> Path:
    label = step.makes.replace("/", "-").removesuffix(".json")
    return output / "logs" / f"{label}.log"


def record_of(step: Step, output: Path) -> Path:
    """The file that keeps the command which a step was made by."""
    return log_of(step, output).with_suffix(".command")


def recorded(step: Step) -> str:
    """The command as it is kept: neither the interpreter nor where data and checkout lie makes it
    another run."""
    return shlex.join(
        [Path(word).name if Path(word).is_absolute() else word for word in step.command[1:]]
    )


def is_of_another(step: Step, output: Path) -> bool:
    """Whether another command is on record; what has no record is taken for the step's."""
    record = record_of(step, output)
    return record.is_file() and record.read_text() != recorded(step)


def done_of(models: list[ReadyModel], output: Path) -> list[ReadyModel]:
    """The models whose steps are all done by their commands, and that which they came after too."""
    done: dict[str, ReadyModel] = {}
    for model in models:  # in the plan's order
        steps = all(
            (output / step.makes).is_file() and not is_of_another(step, output)
            for step in model.steps
        )
        if steps and (model.after is None or model.after in done):
            done[model.name] = model
    return [*done.values()]


def write_list(models: list[ReadyModel], output: Path, owner: str) -> None:
    """The list for `upload.py all`, of the models that are done."""
    entries = [
        {"kind": "model", "folder": model.folder, "repo_id": f"{owner}/{model.name}"}
        for model in models
    ]
    output.mkdir(parents=True, exist_ok=True)
    (output / LIST_FILE).write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
    print(f"{output / LIST_FILE}: {len(entries)} of them; publish by upload.py all", flush=True)


if __name__ == "__main__":
    main()
