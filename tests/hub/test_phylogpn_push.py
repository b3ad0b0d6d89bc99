"""What PhyloGPN's Trainer pushes in the middle of training is a complete model, tree and all."""

import json

import pytest

from hf_genomics.models.phylogpn import modeling_phylogpn
from hf_genomics.models.phylogpn.remote_code import code_files
from tests.hub.loopback_hub import LoopbackHub, Repository

CODE = {file.name for file in code_files(modeling_phylogpn.__file__)}
MODEL = {"config.json", "model.safetensors", "tokenizer.json"}
SEQUENCE = "ACGT" * 10  # which everybody reads

TRAIN = f"""
import json
from pathlib import Path
from transformers import TrainerCallback, TrainingArguments
from hf_genomics import DNATokenizer, PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.data.alignment_collator import AlignmentCollator
from hf_genomics.data.alignment_windows import AlignmentWindows
from hf_genomics.training.alignment_loading import load_alignment
from hf_genomics.training.phylogpn_trainer import PhyloGPNTrainer
from tests.examples.small_alignment import write_alignment

class Wait(TrainerCallback):
    # Lets no step change a file that is on its way, raises what a push raised, and notes what the
    # model says at that step.

    def on_save(self, arguments, state, *args, **kwargs):
        for job in trainer.push_in_progress.jobs if trainer.push_in_progress else ():
            job.result()
        step = state.global_step
        saved = PhyloGPNForMaskedLM.from_pretrained(f"{{strategy}}/checkpoint-{{step}}").eval()
        logits = saved(**DNATokenizer()({SEQUENCE!r}, return_tensors="pt")).logits
        Path(f"{{strategy}}-{{step}}.json").write_text(json.dumps(logits.tolist()))

for strategy in ("every_save", "checkpoint", "end"):
    alignment = load_alignment(str(write_alignment(Path.cwd() / f"data-{{strategy}}")))
    config = PhyloGPNConfig(
        outer_dim=8, inner_dim=4, num_stacks=1, kernel_size=3,
        phylogeny=alignment.phylogeny.to_newick(), reference_leaf=alignment.reference_leaf,
    )
    arguments = TrainingArguments(
        output_dir=strategy, max_steps=5, save_steps=2, learning_rate=0.1, use_cpu=True,
        per_device_train_batch_size=2, dataloader_pin_memory=False, report_to="none",
        remove_unused_columns=False,
        push_to_hub=True, hub_model_id=f"tester/{{strategy}}", hub_strategy=strategy,
    )
    trainer = PhyloGPNTrainer(
        model=PhyloGPNForMaskedLM(config), args=arguments,
        train_dataset=AlignmentWindows(alignment.splits["train"], 32, flank=config.flank),
        data_collator=AlignmentCollator(32, config.flank), processing_class=DNATokenizer(),
        callbacks=[Wait()],
    )
    trainer.train()
    trainer.push_to_hub(blocking=True)
"""

STRANGER = """
import sys
sys.modules["hf_genomics"] = None
import json
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

name, sequence, commit, file = {arguments!r}
options = {{"revision": commit, "trust_remote_code": True}}
model = AutoModelForMaskedLM.from_pretrained(name, **options).eval()
assert type(model).__module__.startswith("transformers_modules.")
batch = AutoTokenizer.from_pretrained(name, **options)(sequence, return_tensors="pt")
positions = len(sequence) - 2 * model.config.flank
output = model(**batch, labels=torch.zeros(1, positions, 5, dtype=torch.int64))
output.loss.backward()
with open(file) as expected:
    torch.testing.assert_close(output.logits, torch.tensor(json.load(expected)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def trained(folder, run_in):
    with LoopbackHub().running() as hub:
        run_in(folder, TRAIN, hub.environment)
        yield hub


def after(repository: Repository, message: str) -> tuple[str, set[str]]:
    """The commit of this message, and the files in it."""
    commit, files = repository.commits[repository.messages.index(message)]
    return commit, set(files)


@pytest.mark.parametrize("strategy", ["every_save", "checkpoint"])
@pytest.mark.parametrize("step", [2, 4])
def test_push_of_a_checkpoint_is_a_model_for_strangers(trained, folder, run_in, strategy, step):
    name = f"tester/{strategy}"
    commit, files = after(trained.repositories[name], f"Training in progress, step {step}")
    assert files >= CODE | MODEL
    arguments = (name, SEQUENCE, commit, f"{strategy}-{step}.json")
    run_in(folder, STRANGER.format(arguments=arguments), trained.environment)


def test_steps_are_different_models(trained, folder):
    two, four = (json.loads((folder / f"every_save-{step}.json").read_text()) for step in (2, 4))
    assert two != four


def test_pushed_checkpoint_folder_has_the_code(trained):
    message = "Training in progress, step 2, checkpoint"
    _, files = after(trained.repositories["tester/checkpoint"], message)
    assert files >= {f"last-checkpoint/{name}" for name in CODE | MODEL}


def test_nothing_is_pushed_before_the_end_where_none_was_asked_for(trained):
    repository = trained.repositories["tester/end"]
    assert repository.messages == ["initial commit", "End of training"]
    assert set(repository.files) >= CODE | MODEL
