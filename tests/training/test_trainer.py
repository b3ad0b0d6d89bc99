"""The Trainer follows its recipe, logs curvatures, counts batches right and resumes exactly."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import TrainingArguments

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    VQDNAForSequenceClassification,
)
from hf_genomics.data.augmentation import SequenceAugmentation
from hf_genomics.training.early_stopping import EarlyStopping
from hf_genomics.training.optimizers import RiemannianAdamW
from hf_genomics.training.recipes import MODERN, PAPER
from hf_genomics.training.run_records import training_results
from hf_genomics.training.trainer import GenomicsTrainer
from tests.models.vqdna.tiny_language_model import tiny_config as tiny_vqdna
from tests.training.train_copies import train_copies

LENGTH = 12


def tiny_model(**options):
    sizes = {"num_channels": 6, "embedding_dim": 9, "num_layers": 2, "max_length": LENGTH}
    torch.manual_seed(0)
    return HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**(sizes | options)))


def sequences(count):
    """Random sequences; the label says whether the first base is A or C."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 4, (count, LENGTH), generator=generator)
    return [{"input_ids": row, "labels": (row[0] < 2).long()} for row in ids]


def accuracy(prediction):
    hits = prediction.predictions.argmax(-1) == prediction.label_ids
    return {"matthews_correlation": float(hits.mean())}


def trainer_in(
    folder,
    *,
    model=None,
    recipe=MODERN,
    compute_metrics=accuracy,
    optimizer_cls_and_kwargs=None,
    **options,
):
    arguments = recipe.training_arguments() | {
        "per_device_train_batch_size": 8,
        "num_train_epochs": 4,
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    return GenomicsTrainer(
        model=tiny_model() if model is None else model,
        args=TrainingArguments(output_dir=str(folder), **(arguments | options)),
        recipe=recipe,
        train_dataset=sequences(44),  # the last batch of an epoch is smaller
        eval_dataset=sequences(12),
        compute_metrics=compute_metrics,
        optimizer_cls_and_kwargs=optimizer_cls_and_kwargs,
    )


def losses(trainer):
    """What was logged, but for clock times."""
    return [
        {key: value for key, value in log.items() if "runtime" not in key and "second" not in key}
        for log in trainer.state.log_history
        if "loss" in log or "eval_loss" in log
    ]


def rates(trainer):
    return {group["role"]: group["lr"] for group in trainer.optimizer.param_groups}


# --- recipe -------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", [PAPER, MODERN], ids=["paper", "modern"])
@pytest.mark.parametrize(
    "options", [{}, {"multi_curvature": True}, {"geometry": "euclidean"}, {"head": "centroid"}]
)
def test_every_model_trains_by_every_recipe(tmp_path, recipe, options):
    model = tiny_model(**options)
    before = {name: value.clone() for name, value in model.named_parameters()}
    trainer = trainer_in(
        tmp_path, model=model, recipe=recipe, num_train_epochs=1, save_strategy="no",
        load_best_model_at_end=False,
    )  # fmt: skip
    trainer.train()
    assert isinstance(trainer.optimizer.optimizer, RiemannianAdamW)
    for name, value in model.named_parameters():
        assert torch.isfinite(value).all(), name
        assert not value.equal(before[name]), name


def test_paper_rates_by_hand(tmp_path):
    trainer = trainer_in(tmp_path, recipe=PAPER)
    steps_per_epoch = 3
    trainer.create_optimizer_and_scheduler(100 * steps_per_epoch)
    seen = {}
    for epoch in range(100):
        seen[epoch] = rates(trainer)
        for _ in range(steps_per_epoch):
            trainer.optimizer.step()
            trainer.lr_scheduler.step()
    by_hand = {
        # epoch: weights, points, curvature
        0: (1e-5, 2e-2, 1e-4),
        59: (1e-5, 2e-2, 1e-4),
        60: (1e-6, 2e-2, 1e-5),
        84: (1e-6, 2e-2, 1e-5),
        85: (1e-7, 2e-3, 1e-6),
        99: (1e-7, 2e-3, 1e-6),
    }
    for epoch, (weights, points, curvature) in by_hand.items():
        expected = {
            "weights": weights,
            "norms_and_biases": weights,
            "points": points,
            "curvature": curvature,
        }
        assert seen[epoch] == pytest.approx(expected)


def test_modern_warms_up_linearly_and_ends_at_zero(tmp_path):
    recipe = dataclasses.replace(MODERN, warmup_steps=0.1)
    trainer = trainer_in(tmp_path, recipe=recipe)
    trainer.create_optimizer_and_scheduler(100)
    main = []
    for _ in range(100):
        main.append(rates(trainer)["weights"] / recipe.learning_rate)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert main[:11] == pytest.approx([step / 10 for step in range(11)])
    assert main[55] == pytest.approx(0.5)
    assert rates(trainer) == pytest.approx(dict.fromkeys(rates(trainer), 0.0))


def test_explicit_arguments_win_over_the_recipe(tmp_path):
    trainer = trainer_in(
        tmp_path, recipe=PAPER, learning_rate=3e-4, weight_decay=0.02, adam_beta1=0.8
    )
    trainer.create_optimizer()
    groups = {group["role"]: group for group in trainer.optimizer.param_groups}
    assert groups["weights"]["lr"] == 3e-4
    assert groups["weights"]["weight_decay"] == 0.02
    assert groups["points"]["lr"] == PAPER.point_learning_rate
    assert groups["curvature"]["lr"] == PAPER.curvature_learning_rate
    assert {group["betas"] for group in trainer.optimizer.param_groups} == {(0.8, 0.999)}


@pytest.mark.parametrize(("schedule", "middle"), [("linear", 0.3), ("constant", 1.0)])
def test_another_schedule_replaces_the_milestones(tmp_path, schedule, middle):
    trainer = trainer_in(tmp_path, recipe=PAPER, lr_scheduler_type=schedule)
    trainer.create_optimizer_and_scheduler(10)
    for _ in range(7):  # 70 %: past the first milestone
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert rates(trainer)["weights"] == pytest.approx(middle * 1e-5)
    assert rates(trainer)["points"] == pytest.approx(middle * 2e-2)


def test_milestones_need_a_schedule_of_steps(tmp_path):
    recipe = dataclasses.replace(PAPER, lr_scheduler_type="reduce_lr_on_plateau")
    trainer = trainer_in(tmp_path, recipe=recipe)
    with pytest.raises(ValueError, match=r"reduce_lr_on_plateau.*drop the milestones"):
        trainer.create_optimizer_and_scheduler(10)


def test_another_optimizer_is_refused_by_name_and_taken_as_an_object(tmp_path):
    with pytest.raises(ValueError, match=r"optim is .*adafactor.*pass optimizers="):
        trainer_in(tmp_path, optim="adafactor")
    model = tiny_model()
    given = torch.optim.SGD(model.parameters(), lr=0.1)
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, optim="sgd")
    trainer = GenomicsTrainer(model=model, args=args, optimizers=(given, None))
    assert trainer.create_optimizer() is given


def test_a_class_of_optimizers_is_taken_with_its_arguments(tmp_path):
    trainer = trainer_in(tmp_path, optimizer_cls_and_kwargs=(torch.optim.SGD, {"lr": 0.5}))
    optimizer = trainer.create_optimizer()
    assert (type(optimizer), optimizer.defaults["lr"]) == (torch.optim.SGD, 0.5)


@pytest.mark.filterwarnings("ignore:Label smoothing is not compatible")  # of `Trainer`
@pytest.mark.parametrize(
    "options", [{"num_labels": 1}, {"problem_type": "multi_label_classification"}]
)
def test_label_smoothing_needs_one_class_per_sequence(tmp_path, options):
    with pytest.raises(ValueError, match="label_smoothing_factor is 0.05.*set it to 0"):
        trainer_in(tmp_path, model=tiny_model(**options), label_smoothing_factor=0.05)
    with pytest.raises(ValueError, match="label_smoothing_factor is 0.05.*set it to 0"):
        GenomicsTrainer(
            model_init=lambda: tiny_model(**options),
            args=TrainingArguments(str(tmp_path), use_cpu=True, label_smoothing_factor=0.05),
        )


def test_label_smoothing_would_leave_out_the_loss_of_a_quantizer(tmp_path):
    model = VQDNAForSequenceClassification(tiny_vqdna())
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, label_smoothing_factor=0.05)
    GenomicsTrainer(model=model, args=arguments)
    model.unfreeze_quantizer()
    with pytest.raises(ValueError, match="leave its commitment loss out; set it to 0"):
        GenomicsTrainer(model=model, args=arguments)


def test_noise_on_embeddings_needs_embeddings(tmp_path):
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, neftune_noise_alpha=5.0)
    with pytest.raises(
        ValueError, match=r"neftune_noise_alpha is 5\.0, but the model has no table"
    ):
        GenomicsTrainer(model=tiny_model(), args=arguments)
    GenomicsTrainer(model=VQDNAForSequenceClassification(tiny_vqdna()), args=arguments)


# --- logs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("multi_curvature", "count"), [(False, 1), (True, 3)])
def test_training_logs_hold_every_curvature_and_its_gradient(tmp_path, multi_curvature, count):
    model = tiny_model(multi_curvature=multi_curvature)
    trainer = trainer_in(tmp_path, model=model, num_train_epochs=2, load_best_model_at_end=False)
    trainer.train()
    *_, last = (log for log in trainer.state.log_history if "loss" in log)
    added = {f"curvature_{i}{end}" for i in range(count) for end in ("", "_grad")}
    assert {key for key in last if "curvature" in key} == added
    assert [last[f"curvature_{i}"] for i in range(count)] == model.curvatures().tolist()
    assert all(last[key] != 0 for key in added)
    for log in trainer.state.log_history:
        assert "loss" in log or not any("curvature" in key for key in log)


@pytest.mark.parametrize("options", [{"geometry": "euclidean"}, {"learnable_curvature": False}])
def test_logs_without_a_learned_curvature_have_no_gradient(tmp_path, options):
    trainer = trainer_in(tmp_path, model=tiny_model(**options), max_steps=1, logging_steps=1)
    trainer.train()
    logged = {key for log in trainer.state.log_history for key in log if "curvature" in key}
    assert logged == ({"curvature_0"} if "learnable_curvature" in options else set())


def test_the_logged_gradient_is_the_derivative_by_k(tmp_path):
    model = tiny_model(initial_curvature=1.3).double()
    rows = sequences(44)
    batch = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}

    def loss_at(k):
        twin = tiny_model(initial_curvature=k).double()
        twin.load_state_dict(model.state_dict())
        return twin.train()(**batch).loss.item()

    derivative = (loss_at(1.3 + 1e-5) - loss_at(1.3 - 1e-5)) / 2e-5
    trainer = trainer_in(
        tmp_path, model=model, per_device_train_batch_size=44, max_steps=1, logging_steps=1,
        max_grad_norm=0.0, warmup_steps=0,  # so that the step moves k
    )  # fmt: skip
    trainer.train()
    assert model.curvatures().item() != pytest.approx(1.3, rel=1e-3)
    logged = trainer.state.log_history[0]["curvature_0_grad"]
    assert logged == pytest.approx(derivative, rel=1e-5)


# --- resuming -----------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", [PAPER, MODERN], ids=["paper", "modern"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_resumed_run_ends_as_the_whole_one(tmp_path, recipe, accumulation):
    options = {
        "recipe": recipe,
        "gradient_accumulation_steps": accumulation,
        "save_strategy": "steps",
        "eval_strategy": "steps",
        "logging_strategy": "steps",
        "save_steps": 5,
        "eval_steps": 5,
        "logging_steps": 5,
        "save_total_limit": None,
    }
    whole = trainer_in(tmp_path / "whole", **options)
    whole.train()
    # From the middle of an epoch, in a trainer and a model that have seen nothing.
    checkpoint = tmp_path / "whole" / "checkpoint-5"
    resumed = trainer_in(tmp_path / "resumed", **options)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert losses(resumed) == losses(whole)
    assert rates(resumed) == rates(whole)
    assert resumed.state.best_metric == whole.state.best_metric
    state = whole.model.state_dict()
    for name, value in resumed.model.state_dict().items():
        assert value.equal(state[name]), name


def test_early_stopping_resumes_with_the_patience_it_had_left(tmp_path):
    recipe = dataclasses.replace(MODERN, early_stopping_patience=3)
    options = {
        "recipe": recipe,
        "compute_metrics": lambda _: {"matthews_correlation": 0.5},  # never better than the first
        "num_train_epochs": 9,
        "save_total_limit": None,
    }
    whole = trainer_in(tmp_path / "whole", **options)
    whole.train()
    assert whole.state.epoch == 4
    resumed = trainer_in(tmp_path / "resumed", **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-18"))  # epoch 3
    assert resumed.state.epoch == 4


def test_no_evaluation_is_lost_where_a_checkpoint_by_steps_ends_an_epoch(tmp_path):
    """Early stopping would count one less, and train an epoch more."""
    options = {
        "recipe": dataclasses.replace(MODERN, early_stopping_patience=3),
        "compute_metrics": lambda _: {"matthews_correlation": 0.5},  # never better than the first
        **{"num_train_epochs": 9, "save_total_limit": None, "load_best_model_at_end": False},
        **{"eval_strategy": "epoch", "save_strategy": "steps", "save_steps": 6},
    }
    whole = trainer_in(tmp_path / "whole", **options)
    whole.train()
    assert whole.state.epoch == 4
    checkpoint = tmp_path / "whole" / "checkpoint-18"  # the last step of epoch 3
    saved = json.loads((checkpoint / "trainer_state.json").read_text())["log_history"]
    assert [log["epoch"] for log in saved if "eval_loss" in log] == [1, 2, 3]
    resumed = trainer_in(tmp_path / "resumed", **options)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert resumed.state.epoch == 4
    assert losses(resumed) == losses(whole)


def test_a_trainer_that_stopped_early_trains_again(tmp_path):
    recipe = dataclasses.replace(MODERN, early_stopping_patience=1)
    trainer = trainer_in(
        tmp_path, recipe=recipe, compute_metrics=lambda _: {"matthews_correlation": 0.5}
    )
    first, second = trainer.train(), trainer.train()
    assert first.global_step == second.global_step == 12  # two epochs of four
    assert second.training_loss > 0


def test_a_resumed_run_waits_as_long_as_it_is_told_now(tmp_path):
    patience = {n: dataclasses.replace(MODERN, early_stopping_patience=n) for n in (1, 2)}
    options = {
        "compute_metrics": lambda _: {"matthews_correlation": 0.5},
        "save_total_limit": None,
    }
    whole = trainer_in(tmp_path / "whole", recipe=patience[1], **options)
    whole.train()
    assert whole.state.epoch == 2
    resumed = trainer_in(tmp_path / "resumed", recipe=patience[2], **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-12"))
    assert resumed.state.epoch == 3


@pytest.mark.parametrize("step", [4, 8, 12])
def test_the_loss_of_a_resumed_run_is_that_of_the_whole_one(tmp_path, step):
    """Also where nothing was left to train, for which `Trainer` says 0."""
    options = {
        "recipe": dataclasses.replace(MODERN, early_stopping_patience=None),
        **{"max_steps": 12, "logging_strategy": "steps", "logging_steps": 2},
        **{"save_strategy": "steps", "save_steps": 4, "eval_strategy": "no"},
        **{"load_best_model_at_end": False, "save_total_limit": None},
    }
    whole = trainer_in(tmp_path / "whole", **options)
    expected = training_results(whole, whole.train(), None)
    resumed = trainer_in(tmp_path / "resumed", **options)
    checkpoint = str(tmp_path / "whole" / f"checkpoint-{step}")
    found = training_results(resumed, resumed.train(resume_from_checkpoint=checkpoint), checkpoint)
    assert found["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-6)
    assert found["steps"] == expected["steps"] == 12


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_row_is_drawn_anew_in_every_epoch_and_alike_when_resumed(tmp_path, batch_size, workers):
    options = {
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": 8 // batch_size,
        "dataloader_num_workers": workers,
        "dataloader_persistent_workers": workers > 0,
        "save_strategy": "steps",
        "save_steps": 2,
        "eval_strategy": "no",
        "load_best_model_at_end": False,
        "save_total_limit": None,
    }
    whole = flipping_trainer(tmp_path / "whole", **options)
    whole.train()
    flips = seen(whole)
    assert [len(flips[row]) for row in range(1, 9)] == [4] * 8
    assert sum(len(set(draws)) > 1 for draws in flips.values()) > 4
    resumed = flipping_trainer(tmp_path / "resumed", **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))  # epoch 2
    assert len(resumed.batches) < len(whole.batches)
    for row, draws in seen(resumed).items():
        assert draws == flips[row][-len(draws) :]


def flipping_trainer(folder, **options):
    """A trainer on rows that are read from either strand, which keeps the batches it is given."""
    rows = Dataset.from_dict(
        {"sequence": [f"{'A' * (i + 1)}{'G' * (LENGTH - i - 1)}" for i in range(8)]}
    )
    trainer = trainer_in(
        folder, recipe=dataclasses.replace(MODERN, early_stopping_patience=None), **options
    )
    trainer.args.remove_unused_columns = False
    trainer.train_dataset = SequenceAugmentation(rows, 0, reverse_complement_probability=0.5)
    trainer.data_collator = with_label_0
    trainer.batches = []
    trainer.model.register_forward_pre_hook(
        lambda _, args, inputs: trainer.batches.append(inputs["input_ids"]), with_kwargs=True
    )
    return trainer


def with_label_0(rows):
    ids = DNATokenizer()([row["sequence"] for row in rows], return_tensors="pt")["input_ids"]
    return {"input_ids": ids, "labels": torch.zeros(len(ids), dtype=torch.long)}


def seen(trainer):
    """Of every row, by its number of A, whether it was read from the other strand, in order."""
    found = {}
    for ids in [ids for batch in trainer.batches for ids in batch.tolist()]:
        flipped = ids[0] == 1  # C: the other strand begins with the complement of G
        found.setdefault(ids.count(3 if flipped else 0), []).append(flipped)
    return found


def assert_nothing_is_trained_after(whole, folder, **options):
    """From the last checkpoint of `whole`, as after a kill before the model was saved."""
    last = Path(whole.args.output_dir) / f"checkpoint-{whole.state.global_step}"
    resumed = trainer_in(folder, **options)
    resumed.train(resume_from_checkpoint=str(last))
    assert resumed.state.global_step == whole.state.global_step
    assert losses(resumed) == losses(whole)
    assert not list(Path(folder).glob("checkpoint-*"))
    state = whole.model.state_dict()
    for name, value in resumed.model.state_dict().items():
        assert value.equal(state[name]), name


@pytest.mark.parametrize("num_steps", [4, 6, 9])  # of six an epoch
@pytest.mark.parametrize("strategy", ["steps", "epoch"])
def test_no_step_is_trained_after_the_last(tmp_path, num_steps, strategy):
    options = {
        "recipe": dataclasses.replace(MODERN, early_stopping_patience=None),
        "max_steps": num_steps,
        "save_strategy": strategy,
        "eval_strategy": strategy,
        "logging_strategy": strategy,
        "save_steps": 1,
        "eval_steps": 1,
        "logging_steps": 1,
        "save_total_limit": None,
        "load_best_model_at_end": False,
    }
    whole = trainer_in(tmp_path / "whole", **options)
    whole.train()
    assert whole.state.global_step == num_steps
    assert_nothing_is_trained_after(whole, tmp_path / "resumed", **options)


def test_no_epoch_is_trained_after_early_stopping(tmp_path):
    options = {
        "recipe": dataclasses.replace(MODERN, early_stopping_patience=3),
        "compute_metrics": lambda _: {"matthews_correlation": 0.5},
        "num_train_epochs": 9,
        "save_total_limit": None,
    }
    whole = trainer_in(tmp_path / "whole", **options)
    whole.train()
    assert whole.state.epoch == 4
    assert_nothing_is_trained_after(whole, tmp_path / "resumed", **options)


@pytest.mark.parametrize(("warmup_steps", "epochs"), [(0, 3), (6, 3), (12, 4), (0.5, 7)])
def test_early_stopping_counts_no_epoch_of_the_warm_up(tmp_path, caplog, warmup_steps, epochs):
    """Six steps an epoch, ten epochs; the first evaluation is the best one there is."""
    trainer = trainer_in(
        tmp_path,
        recipe=dataclasses.replace(MODERN, early_stopping_patience=2),
        compute_metrics=lambda _: {"matthews_correlation": 0.5},
        num_train_epochs=10,
        warmup_steps=warmup_steps,
    )
    trainer.train()
    assert trainer.state.epoch == epochs
    assert (
        f"stopped after epoch {epochs} of 10: matthews_correlation has not been better than 0.5000 "
        "in 2 evaluations" in caplog.text
    )


def test_early_stopping_is_left_out_where_nothing_is_evaluated(tmp_path):
    trainer = trainer_in(
        tmp_path, eval_strategy="no", save_strategy="no", load_best_model_at_end=False
    )
    stopping = [c for c in trainer.callback_handler.callbacks if type(c) is EarlyStopping]
    assert stopping == []


# --- modes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mode", [{"bf16": True}, {"torch_compile": True, "torch_compile_backend": "eager"}]
)
def test_training_works_in_other_modes(tmp_path, mode):
    trainer = trainer_in(tmp_path, num_train_epochs=1, **mode)
    trainer.train()
    first = losses(trainer)[0]
    assert 0 < first["loss"] < 3
    assert first["curvature_0_grad"] != 0


@pytest.fixture(scope="module")
def whole_batches(tmp_path_factory):
    """Losses and gradient norms of steps of one batch of 32."""
    return train_copies(tmp_path_factory.mktemp("whole"), batch_size=32, accumulation=1)


def assert_same(history, expected):
    assert len(history) == len(expected) == 3
    for step, expected_step in zip(history, expected, strict=True):
        assert step == pytest.approx(expected_step, rel=1e-6, abs=1e-9)


def test_four_accumulated_batches_of_8_are_one_of_32(tmp_path, whole_batches):
    assert_same(train_copies(tmp_path, batch_size=8, accumulation=4), whole_batches)


def test_a_model_that_wrongly_claims_to_scale_its_loss_would_be_noticed(tmp_path, whole_batches):
    history = train_copies(tmp_path, batch_size=8, accumulation=4, accepts_loss_kwargs=True)
    assert history[0]["loss"] == pytest.approx(4 * whole_batches[0]["loss"])


TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc_per_node=2"]
# On a CPU, accelerate starts two processes only under the name of its launcher for GPUs.
ACCELERATE = [
    "accelerate.commands.launch",
    "--multi_gpu",
    "--num_processes=2",
    "--num_machines=1",
    "--main_process_port=0",
    "--mixed_precision=no",
    "--dynamo_backend=no",
]


def run_in_two_processes(launcher, script, *arguments):
    """A script of this folder, which is expected to end well."""
    finished = subprocess.run(
        [sys.executable, "-m", *launcher, str(Path(__file__).with_name(script)), *arguments],
        env=os.environ
        | {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [TORCHRUN, ACCELERATE], ids=["torchrun", "accelerate"])
def test_two_processes_with_16_each_are_one_with_32(tmp_path, whole_batches, launcher):
    log = tmp_path / "log.json"
    run_in_two_processes(launcher, "train_copies.py", str(log), "16", "1")
    assert_same(json.loads(log.read_text()), whole_batches)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_two_processes_evaluate_the_model_that_they_save(tmp_path, decay):
    """Each has moved the running statistics of batch norms by batches of its own."""
    run_in_two_processes(TORCHRUN, "predict_apart.py", str(tmp_path), str(decay))
    found = torch.load(tmp_path / "found.pt")
    for name, logits in found["logits"].items():
        model = HyperbolicCNNForSequenceClassification.from_pretrained(
            tmp_path / name, dtype=torch.float64
        ).eval()
        with torch.no_grad():
            expected = model(found["input_ids"]).logits
        torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)


def test_the_optimizer_has_the_betas_and_the_epsilon_of_the_arguments(tmp_path):
    trainer = trainer_in(tmp_path, adam_beta1=0.8, adam_beta2=0.95, adam_epsilon=1e-5)
    trainer.create_optimizer()
    found = {(group["betas"], group["eps"]) for group in trainer.optimizer.param_groups}
    assert found == {((0.8, 0.95), 1e-5)}


def test_milestones_of_points_alone_are_kept(tmp_path):
    trainer = trainer_in(tmp_path, recipe=dataclasses.replace(PAPER, milestones=()))
    trainer.create_optimizer_and_scheduler(10)
    for _ in range(9):
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert rates(trainer)["weights"] == pytest.approx(1e-5)
    assert rates(trainer)["points"] == pytest.approx(2e-3)


# --- time ---------------------------------------------------------------------------------------


def test_the_time_before_a_checkpoint_is_counted(tmp_path):
    first = trainer_in(tmp_path, num_train_epochs=2)
    seconds = training_results(first, first.train(), None)["train_seconds"]
    assert 0 < seconds < 300
    checkpoint = tmp_path / "checkpoint-6"
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    assert 0 < state["stateful_callbacks"]["TrainingClock"]["attributes"]["seconds"] < seconds
    state["stateful_callbacks"]["TrainingClock"]["attributes"]["seconds"] = 1000
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    again = trainer_in(tmp_path, num_train_epochs=2)
    resumed = again.train(resume_from_checkpoint=str(checkpoint))
    results = training_results(again, resumed, str(checkpoint))
    assert results["train_seconds"] == pytest.approx(1000 + resumed.metrics["train_runtime"], abs=2)
    seconds = training_results(again, again.train(), None)["train_seconds"]  # a new training
    assert seconds < 300


def test_a_checkpoint_made_without_early_stopping_is_gone_on_from_with_it(tmp_path):
    recipes = [dataclasses.replace(MODERN, early_stopping_patience=n) for n in (None, 2)]
    trainer_in(tmp_path, recipe=recipes[0], num_train_epochs=2).train()
    checkpoint = tmp_path / "checkpoint-6"
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    del state["stateful_callbacks"]["TrainingClock"]  # as an earlier version wrote it
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    trainer = trainer_in(tmp_path, recipe=recipes[1], num_train_epochs=3, save_total_limit=None)
    trainer.train(resume_from_checkpoint=str(checkpoint))
    assert trainer.state.global_step == 18
    state = json.loads((tmp_path / "checkpoint-18/trainer_state.json").read_text())
    assert {"EarlyStopping", "TrainingClock"} <= state["stateful_callbacks"].keys()
