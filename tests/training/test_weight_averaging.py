"""The average of the weights is the exponential moving one; it is what is validated and kept."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hf_genomics import HyperbolicCNNForSequenceClassification
from hf_genomics.training.recipes import MODERN
from hf_genomics.training.weight_averaging import (
    LAST_WEIGHTS,
    WeightAverage,
    refuse_sharded_weights,
)
from tests.training.test_trainer import tiny_model, trainer_in

AVERAGING = dataclasses.replace(MODERN, averaging_decay=0.75)
TO_THE_END = {"load_best_model_at_end": False, "save_strategy": "no"}


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(x, y):
    assert x.keys() == y.keys()
    for name in x:
        assert x[name].equal(y[name]), name


def averaged_by_hand(values, decay):
    average = values[0]
    for n, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        average = d * average + (1 - d) * value
    return average


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([8.0], 8.0),
        ([11.0, 22.0], 20.0),  # 2/11 of the first, 9/11 of the second
        ([11.0, 22.0, 40.0], 35.0),  # a quarter of that, three quarters of the third
    ],
)
def test_the_average_by_hand(values, expected):
    model = nn.BatchNorm1d(1)
    average = WeightAverage(model, decay=0.9)
    for value in values:
        with torch.no_grad():
            model.weight.fill_(value)
            model.running_mean.fill_(-value)
            model.num_batches_tracked.fill_(int(value))
        average.update()
    with average.swapped():
        found = (model.weight.item(), model.running_mean.item())
        assert found == pytest.approx((expected, -expected))
        assert model.num_batches_tracked.item() == values[-1]
    assert (model.weight.item(), model.running_mean.item()) == (values[-1], -values[-1])


def test_after_many_steps_the_decay_alone_counts():
    model = nn.Linear(1, 1, bias=False).double()
    average = WeightAverage(model, decay=0.5)
    values = torch.rand(200, dtype=torch.float64).tolist()
    for value in values:
        nn.init.constant_(model.weight, value)
        average.update()
    expected = sum(0.5 ** (200 - n) * value for n, value in enumerate(values))
    with average.swapped():
        assert model.weight.item() == pytest.approx(expected, rel=1e-12)


def test_an_error_while_swapped_leaves_the_weights_in_their_place():
    model = nn.Linear(1, 1)
    average = WeightAverage(model, decay=0.5)
    average.update()
    nn.init.constant_(model.weight, 3.0)
    with pytest.raises(KeyboardInterrupt), average.swapped():
        raise KeyboardInterrupt
    assert model.weight.item() == 3.0


def test_training_is_the_same_and_its_average_is_kept(tmp_path):
    last = trainer_in(tmp_path / "last", **TO_THE_END)
    seen = []
    take = last.callback_handler.on_step_end
    last.callback_handler.on_step_end = lambda *given: (
        seen.append(state(last.model)),
        take(*given),
    )[1]
    last.train()

    averaged = trainer_in(tmp_path / "averaged", recipe=AVERAGING, **TO_THE_END)
    averaged.train()
    for name, value in averaged.model.state_dict().items():
        by_hand = averaged_by_hand([weights[name] for weights in seen], 0.75)
        torch.testing.assert_close(value, by_hand, rtol=1e-5, atol=1e-6, msg=name)
    averaged.average().swap()
    assert_same(state(averaged.model), state(last.model))


def test_scores_and_checkpoints_are_those_of_the_average(tmp_path):
    trainer = trainer_in(tmp_path, recipe=AVERAGING, save_total_limit=None)
    trainer.train()
    scores = {
        log["step"]: log["eval_loss"] for log in trainer.state.log_history if "eval_loss" in log
    }
    assert len(scores) == 4
    for step, loss in scores.items():
        folder = tmp_path / f"checkpoint-{step}"
        model = HyperbolicCNNForSequenceClassification.from_pretrained(folder)
        saved = trainer_in(tmp_path / "scoring", model=model).evaluate()
        assert saved["eval_loss"] == pytest.approx(loss, rel=1e-6)
        last, averaged = load_file(folder / LAST_WEIGHTS), model.state_dict()
        assert last.pop("n_averaged") == step
        assert last.keys() == {f"module.{name}" for name in averaged}
        for name, _ in model.named_parameters():
            assert not last[f"module.{name}"].equal(averaged[name])
    best = HyperbolicCNNForSequenceClassification.from_pretrained(
        trainer.state.best_model_checkpoint
    )
    assert_same(state(trainer.model), state(best))


@pytest.mark.parametrize("best", [True, False], ids=["best", "last"])
def test_a_resumed_run_ends_as_the_whole_one(tmp_path, best):
    options = {"recipe": AVERAGING, "save_total_limit": None, "load_best_model_at_end": best}
    whole = trainer_in(tmp_path, **options)
    whole.train()
    for step in (12, 24):  # in the middle; and with nothing left but to load the model
        resumed = trainer_in(tmp_path, **options)
        resumed.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{step}"))
        assert_same(state(resumed.model), state(whole.model))
        assert resumed.state.best_metric == whole.state.best_metric


def test_a_second_training_begins_a_new_average(tmp_path):
    trainer = trainer_in(tmp_path, recipe=AVERAGING, **TO_THE_END)
    trainer.train()
    first = trainer.average()
    trainer.train()
    assert trainer.average() is not first


def test_a_checkpoint_without_an_average_is_refused(tmp_path):
    trainer_in(tmp_path, num_train_epochs=1).train()
    resumed = trainer_in(tmp_path, recipe=AVERAGING)
    with pytest.raises(
        ValueError, match="did not average weights, or saved .* go on by --averaging_decay 0"
    ):
        resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))


@pytest.mark.parametrize("sharding", ["is_fsdp_enabled", "is_deepspeed_enabled"])
def test_weights_that_no_process_has_whole_are_refused(sharding):
    trainer = SimpleNamespace(is_fsdp_enabled=False, is_deepspeed_enabled=False, recipe=AVERAGING)
    refuse_sharded_weights(trainer)
    setattr(trainer, sharding, True)
    with pytest.raises(ValueError, match="FSDP and DeepSpeed split .* --averaging_decay 0"):
        refuse_sharded_weights(trainer)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(ValueError, match="averaging_decay of recipe 'modern' is"):
        dataclasses.replace(MODERN, averaging_decay=decay)


@pytest.mark.parametrize("options", [{}, {"multi_curvature": True}], ids=["S", "M"])
def test_the_features_of_averaged_weights_lie_on_their_manifolds(options):
    """Points are kept as space components, of which every average is a point."""
    model = tiny_model(**options).double()
    average = WeightAverage(model, decay=0.5)
    ids = torch.randint(0, 4, (3, 12))
    for _ in range(3):
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.5)
        average.update()
    model.eval()
    own = model(ids, output_hidden_states=True).hidden_states
    with average.swapped(), torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
        for i, points in enumerate(states):
            k = model.manifold(i).k
            product = -points[..., 0].square() + points[..., 1:].square().sum(-1)
            torch.testing.assert_close(product, -k.expand_as(product), rtol=1e-9, atol=1e-9)
        assert not states[-1].equal(own[-1])
