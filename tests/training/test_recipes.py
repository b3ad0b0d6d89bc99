"""Recipes: what the paper did, by hand, and defaults that Transformers understands."""

import dataclasses

import pytest
from transformers import TrainingArguments

from hf_genomics.training.recipes import MODERN, PAPER, RECIPES


def test_paper_is_the_papers_recipe():
    arguments = PAPER.training_arguments()
    expected = {
        "learning_rate": 1e-5,
        "weight_decay": 0.1,
        "per_device_train_batch_size": 100,
        "num_train_epochs": 100,
        "warmup_steps": 0,
        "max_grad_norm": 0.0,
        "label_smoothing_factor": 0.0,
        "dataloader_drop_last": False,
        "load_best_model_at_end": True,
        "metric_for_best_model": "matthews_correlation",
        "greater_is_better": True,
    }
    assert arguments | expected == arguments
    assert not PAPER.decoupled_weight_decay
    assert PAPER.early_stopping_patience is None


@pytest.mark.parametrize(
    ("epoch", "weights", "points"),
    [(0, 1, 1), (59, 1, 1), (60, 0.1, 1), (84, 0.1, 1), (85, 0.01, 0.1), (99, 0.01, 0.1)],
)
@pytest.mark.parametrize("steps_per_epoch", [1, 53, 489])
def test_points_skip_the_first_drop_of_the_paper(epoch, weights, points, steps_per_epoch):
    total = 100 * steps_per_epoch
    for step in (epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch - 1):
        assert PAPER.milestone_scale("weights", step, total) == pytest.approx(weights)
        assert PAPER.milestone_scale("curvature", step, total) == pytest.approx(weights)
        assert PAPER.milestone_scale("points", step, total) == pytest.approx(points)


def test_milestones_scale_with_the_number_of_epochs():
    drops = [step for step in range(1, 200) if changes(PAPER, step, 200)]
    assert drops == [120, 170]


def changes(recipe, step, total):
    scales = [recipe.milestone_scale("weights", s, total) for s in (step - 1, step)]
    return scales[0] != scales[1]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_transformers_understands_every_default(recipe, tmp_path):
    arguments = recipe.training_arguments()
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **arguments)
    for name, value in arguments.items():
        assert getattr(args, name) in (value, [value], [])  # report_to "none" becomes []
    assert args.get_warmup_steps(1000) == round(1000 * recipe.warmup_steps)


def test_modern_warms_up_decays_decoupled_and_stops_early():
    assert MODERN.decoupled_weight_decay
    assert MODERN.warmup_steps > 0
    assert MODERN.lr_scheduler_type == "cosine"
    assert MODERN.early_stopping_patience is not None


def test_curvature_never_decays():
    assert {recipe.decay("curvature") for recipe in RECIPES.values()} == {0.0}


def test_recipes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAPER.learning_rate = 1.0


def test_a_milestone_that_is_an_epoch_is_refused():
    with pytest.raises(ValueError, match="milestone 60 of recipe 'mine'.*between 0 and 1"):
        dataclasses.replace(PAPER, name="mine", milestones=(60,))
