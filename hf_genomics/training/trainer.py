"""A Trainer that moves points on their manifold, follows a recipe and logs curvatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import TrainerCallback

from .early_stopping import EarlyStopping
from .optimizers import RiemannianAdamW, manifold_points, parameter_groups
from .pushing import CompletePushTrainer
from .recipes import MODERN, Recipe
from .weight_averaging import WeightAverage, refuse_sharded_weights

ADAM_NAMES = frozenset({"adamw_torch", "adamw_torch_fused"})


class GenomicsTrainer(CompletePushTrainer):
    """`Trainer` with [`RiemannianAdamW`], a [`Recipe`] and curvatures in the log.

    `args` rule over the recipe wherever both have a say: `learning_rate` and `weight_decay` are
    those of the weights (biases and norms follow), and an `lr_scheduler_type` other than the
    recipe's replaces its schedule, milestones included. `recipe.training_arguments()` gives the
    recipe's own choices. Points and curvature keep the recipe's rates.

    With a recipe of `averaging_decay` above 0, what is evaluated, saved and in the end in the model
    is the [`WeightAverage`]; a checkpoint has the weights to go on from beside it.

    Whenever the loss is logged, so are `curvature_i` (the current k_i) and `curvature_i_grad` (the
    derivative of the loss by k_i in the last step, after clipping).

    Args:
        model: any `PreTrainedModel`; a hyperbolic one brings `manifold_points` and `curvatures`.
        args: `TrainingArguments`.
        recipe: rates, decays and schedule.
        kwargs: as for `Trainer`.

    Raises:
        ValueError: for an `optim` other than AdamW, label smoothing of a model whose labels are
            not one class each or whose quantizer is trained, noise on embeddings that are none, or
            an average of weights that are split among processes.
    """

    def __init__(
        self,
        model: Any = None,
        args: Any = None,
        *,
        recipe: Recipe = MODERN,
        callbacks: list[TrainerCallback] | None = None,
        **kwargs: Any,
    ) -> None:
        if args is not None:
            _check_label_smoothing(model, args.label_smoothing_factor)
        self.recipe = recipe
        self._curvature_gradient: Tensor | None = None
        self._average: WeightAverage | None = None
        callbacks = [*(callbacks or []), _CurvatureGradientReader(self._read_curvature_gradient)]
        if recipe.averaging_decay:
            callbacks.append(_Averaging(self))
        if recipe.early_stopping_patience is not None and _selects_a_model(args):
            callbacks.append(EarlyStopping(recipe.early_stopping_patience))
        super().__init__(model=model, args=args, callbacks=callbacks, **kwargs)
        _check_label_smoothing(self.model, self.args.label_smoothing_factor)  # of model_init, too
        if self.args.neftune_noise_alpha is not None and not _has_embeddings(self.model):
            raise ValueError(
                f"neftune_noise_alpha is {self.args.neftune_noise_alpha}, but the model has no "
                "table of embeddings to add noise to; leave it out."
            )
        if self.optimizer is None and self.args.optim not in ADAM_NAMES:
            raise ValueError(
                f"optim is {self.args.optim!r}, but this trainer optimizes by RiemannianAdamW; "
                "leave optim at 'adamw_torch_fused', or pass optimizers=(optimizer, scheduler)."
            )
        if recipe.averaging_decay:
            refuse_sharded_weights(self)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """RiemannianAdamW over the recipe's groups, with the rates of `args`; unless another class
        was given as `optimizer_cls_and_kwargs`."""
        if self.optimizer_cls_and_kwargs is not None:
            return super().create_optimizer(model)
        if self.optimizer is None:
            model = self.model if model is None else model
            recipe = dataclasses.replace(
                self.recipe,
                learning_rate=self.args.learning_rate,
                weight_decay=self.args.weight_decay,
            )
            self.optimizer = RiemannianAdamW(
                parameter_groups(model, recipe),
                lr=self.args.learning_rate,
                betas=(self.args.adam_beta1, self.args.adam_beta2),
                eps=self.args.adam_epsilon,
                points=manifold_points(model),
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LRScheduler:
        """The schedule of `args`, times the recipe's milestones if `args` keep its schedule."""
        given = self.lr_scheduler is not None
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        keeps_schedule = self.args.lr_scheduler_type == self.recipe.lr_scheduler_type
        milestones = self.recipe.milestones + self.recipe.point_milestones
        if given or not milestones or not keeps_schedule:
            return scheduler
        if not isinstance(scheduler, LambdaLR):
            raise ValueError(
                f"recipe {self.recipe.name!r} has milestones and the schedule "
                f"{self.args.lr_scheduler_type!r}, which is not a function of the step alone; "
                "use 'constant_with_warmup' or drop the milestones."
            )
        factors: list[Callable[[int], float]] = [
            partial(_factor, base, self.recipe, group.get("role", ""), num_training_steps)
            for base, group in zip(
                scheduler.lr_lambdas, scheduler.optimizer.param_groups, strict=True
            )
        ]
        self.lr_scheduler = LambdaLR(scheduler.optimizer, factors)
        return self.lr_scheduler

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trains as `Trainer` does, from a new average of weights."""
        self._average = None
        return super().train(*args, **kwargs)

    def average(self) -> WeightAverage:
        """The average of this training's weights; begun when first asked for."""
        if self._average is None:
            model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
            self._average = WeightAverage(model, self.recipe.averaging_decay)
        return self._average

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self._average is None else self._average.swapped()

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates or predicts as `Trainer` does, in every process by the model that is saved.

        Running statistics of batch norms differ between processes since their last batches, and are
        those of the first in a checkpoint.
        """
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            model = self.accelerator.unwrap_model(self.model)
            for buffer in model.buffers():
                if buffer.is_floating_point():  # counts are the same in all
                    dist.broadcast(buffer, src=0)
        return super().evaluation_loop(*args, **kwargs)

    def _evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self._averaged():
            return super()._evaluate(*args, **kwargs)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        with self._averaged():
            super()._save_checkpoint(*args, **kwargs)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self._average is not None and self.args.should_save:
            self._average.save_last_weights(output_dir)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and self.recipe.averaging_decay:
            self.average().resume(checkpoint)

    def _load_callback_state(self) -> None:
        super()._load_callback_state()
        patience = self.recipe.early_stopping_patience
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, EarlyStopping) and patience is not None:
                callback.early_stopping_patience = patience  # the checkpoint has the count

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Logs, with the curvatures beside every training loss."""
        if "loss" in logs:
            logs.update(self._curvature_logs())
        super().log(logs, *args, **kwargs)

    def _curvatures(self) -> Tensor:
        curvatures = getattr(self.accelerator.unwrap_model(self.model), "curvatures", None)
        return torch.zeros(0) if curvatures is None else curvatures()

    def _read_curvature_gradient(self) -> None:
        """Keeps the derivatives by the curvatures until the next log; the step will move both."""
        raw = _raw_curvature(self.model)
        self._curvature_gradient = None
        if raw is not None and raw.grad is not None:
            with torch.enable_grad():
                k = self._curvatures()
            # k_i depends on raw_i alone, so the gradient of the sum is the diagonal dk_i / draw_i.
            slope = torch.autograd.grad(k.sum(), raw)[0]
            self._curvature_gradient = raw.grad.detach() / slope / self._gradient_scale()

    def _curvature_logs(self) -> dict[str, float]:
        k = self._curvatures().detach()
        logs = {f"curvature_{i}": value for i, value in enumerate(k.tolist())}
        if self._curvature_gradient is not None:
            gradient = self._curvature_gradient.tolist()
            logs |= {f"curvature_{i}_grad": value for i, value in enumerate(gradient)}
        return logs

    def _gradient_scale(self) -> float:
        """What float16 training has multiplied the gradient by; clipping has divided it out."""
        scaler = getattr(self.accelerator, "scaler", None)
        clips = self.args.max_grad_norm is not None and self.args.max_grad_norm > 0
        return 1.0 if scaler is None or clips else scaler.get_scale()


class _CurvatureGradientReader(TrainerCallback):
    """Calls back when gradients are complete and the optimizer has not moved yet."""

    def __init__(self, read: Callable[[], None]) -> None:
        self.read = read

    def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        self.read()


class _Averaging(TrainerCallback):
    """Takes every step into the trainer's average, and leaves the model with it in the end."""

    def __init__(self, trainer: GenomicsTrainer) -> None:
        self.trainer = trainer

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.trainer.average().update()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        best_is_loaded = args.load_best_model_at_end and state.best_model_checkpoint is not None
        if not best_is_loaded:
            self.trainer.average().swap()


def _selects_a_model(args: Any) -> bool:
    """Whether there are evaluations, and a metric to compare them by."""
    return args is not None and args.eval_strategy != "no" and bool(args.metric_for_best_model)


def _raw_curvature(model: Any) -> nn.Parameter | None:
    """The one trainable parameter that holds all curvatures, None where there is none."""
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[2] == "raw_curvature" and parameter.requires_grad:
            return parameter
    return None


def _factor(
    base: Callable[[int], float], recipe: Recipe, role: str, num_training_steps: int, step: int
) -> float:
    return base(step) * recipe.milestone_scale(role, step, num_training_steps)


def _check_label_smoothing(model: Any, factor: float) -> None:
    config = getattr(model, "config", None)
    problem_type = getattr(config, "problem_type", None)
    num_labels = getattr(config, "num_labels", 2)
    if factor and (num_labels == 1 or problem_type not in (None, "single_label_classification")):
        raise ValueError(
            f"label_smoothing_factor is {factor}, but the model's problem_type is {problem_type!r} "
            f"with {num_labels} label(s); smoothing needs one class per sequence, set it to 0."
        )
    if factor and not getattr(config, "freeze_quantizer", True):
        raise ValueError(
            f"label_smoothing_factor is {factor}, but the quantizer of the model is trained, and "
            "`Trainer` would leave its commitment loss out; set it to 0 (--label_smoothing_factor "
            "0), or freeze the quantizer."
        )


def _has_embeddings(model: Any) -> bool:
    try:
        return model.get_input_embeddings() is not None
    except (AttributeError, NotImplementedError):
        return False
