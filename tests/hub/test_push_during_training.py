"""What Trainer pushes in the middle of training is a complete model, as the last push is."""

import copy
import io

import pytest
import torch

from hf_genomics.training.pushing import UnsavedToken
from tests.hub.loopback_hub import TOKEN, LoopbackHub, Repository
from tests.hub.test_loopback_hub import CODE

TRAIN = """
import os
from transformers import TrainerCallback, TrainingArguments
from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.trainer import GenomicsTrainer
from tests.hub.stranger import SEQUENCES

class Wait(TrainerCallback):
    # Lets no step change a file that is on its way, and raises what a push raised.

    def on_save(self, *args, **kwargs):
        for job in trainer.push_in_progress.jobs if trainer.push_in_progress else ():
            job.result()

token = os.environ.pop("HF_TOKEN")  # so that there is no other
tokenizer = DNATokenizer()
rows = [{**tokenizer(text), "labels": i % 2} for i, text in enumerate(SEQUENCES)]
for strategy in ("every_save", "checkpoint", "end"):
    config = HyperbolicCNNConfig(num_channels=5, embedding_dim=6, num_layers=2, max_length=16)
    arguments = TrainingArguments(
        output_dir=strategy, max_steps=3, save_steps=2, use_cpu=True,
        per_device_train_batch_size=2, dataloader_pin_memory=False, report_to="none",
        push_to_hub=True, hub_model_id=f"tester/{strategy}", hub_strategy=strategy,
        hub_token=token,
    )
    trainer = GenomicsTrainer(
        model=HyperbolicCNNForSequenceClassification(config), args=arguments, train_dataset=rows,
        processing_class=tokenizer, callbacks=[Wait()],
    )
    trainer.train()
    trainer.push_to_hub(blocking=True)
"""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory, run_in):
    with LoopbackHub().running() as hub:
        run_in(tmp_path_factory.mktemp("training"), TRAIN, hub.environment)
        yield hub.repositories


def files_after(repository: Repository, message: str) -> set[str]:
    return set(repository.commits[repository.messages.index(message)][1])


@pytest.mark.parametrize("strategy", ["every_save", "checkpoint"])
def test_push_of_a_checkpoint_has_the_code(repositories, strategy):
    files = files_after(repositories[f"tester/{strategy}"], "Training in progress, step 2")
    assert files >= CODE | {"config.json", "model.safetensors", "tokenizer.json"}


def test_pushed_checkpoint_folder_has_the_code(repositories):
    message = "Training in progress, step 2, checkpoint"
    files = files_after(repositories["tester/checkpoint"], message)
    assert files >= {f"last-checkpoint/{name}" for name in CODE}


def test_nothing_is_pushed_before_the_end_where_none_was_asked_for(repositories):
    assert repositories["tester/end"].messages == ["initial commit", "End of training"]
    assert set(repositories["tester/end"].files) >= CODE


@pytest.mark.parametrize("strategy", ["every_save", "checkpoint", "end"])
def test_the_token_that_pushes_is_in_no_pushed_file(repositories, strategy):
    commits = [files for _, files in repositories[f"tester/{strategy}"].commits]
    assert "training_args.bin" in commits[-1]
    assert not [name for files in commits for name in files if TOKEN.encode() in files[name]]


def test_a_token_is_itself_in_this_process_and_none_in_a_file():
    token = UnsavedToken("odd")
    assert (token, f"Bearer {token}", copy.copy(token), copy.deepcopy(token)) == (
        *("odd", "Bearer odd", "odd", "odd"),
    )
    file = io.BytesIO()
    torch.save({"hub_token": token}, file)
    assert b"odd" not in file.getvalue()
    file.seek(0)
    assert torch.load(file, weights_only=False) == {"hub_token": None}
