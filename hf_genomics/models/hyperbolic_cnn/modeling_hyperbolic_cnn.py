"""Hyperbolic CNN for DNA classification (HGE, Khan et al., ICLR 2025, arXiv 2507.21648).

Blocks of Lorentz convolutions with batch norm and ReLU, a Lorentz linear layer on the features of
the whole sequence, and Lorentz multinomial logistic regression. With `geometry="euclidean"` the
same graph in flat space: the baseline twin.

Legend: B batch, L positions, C channels as the configuration counts them (time component included),
E embedding width counted alike, N labels.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling, SequenceClassifierOutput
from transformers.utils import can_return_tuple

# Who loads a saved folder may have a Transformers before 5.8, which copies only the files that this
# one names itself: those that it does not use (F401) are needed by those that it does.
from .configuration_hyperbolic_cnn import HyperbolicCNNConfig
from .euclidean_layers import EuclideanBatchNorm, EuclideanLinear, SameConv1d
from .input_checks import NUM_BASES, check_ids, check_inputs
from .lorentz import add_time, change_curvature_scale, squared_norm
from .lorentz_batch_norm import LorentzBatchNorm
from .lorentz_functions import batch_slices  # noqa: F401
from .lorentz_layers import LorentzConv1d, LorentzLinear, LorentzMLR
from .modeling_blocks import HyperbolicCNNBlock, HyperbolicCNNResidualBlock
from .pooling import HyperbolicCNNPooler
from .remote_code import code_files, save_complete
from .tangent_batch_norm import TangentBatchNorm  # noqa: F401
from .tangent_functions import TangentBatchNormReLU  # noqa: F401

COMPLEMENT = (3, 2, 1, 0, 4)


def geometry_dtype(dtype: torch.dtype) -> torch.dtype:
    """Points are kept in float32 at least: radius 10 means squared norms of 1e8."""
    return torch.promote_types(dtype, torch.float32)


class HyperbolicCNNCurvature(nn.Module):
    """The one owner of the curvatures `k_i = initial_curvature * exp(raw_curvature_i) > 0`.

    `raw_curvature` starts at 0, so k equals `initial_curvature` exactly. It is a parameter, or a
    persistent buffer if the curvature is not learned.
    """

    def __init__(self, config: HyperbolicCNNConfig):
        super().__init__()
        self.initial_curvature = float(config.initial_curvature)
        raw = torch.zeros(config.num_curvatures)
        if config.learnable_curvature:
            self.raw_curvature = nn.Parameter(raw)
        else:
            self.register_buffer("raw_curvature", raw)

    def forward(self) -> Tensor:
        """All k, `(num_curvatures,)`, float32 or better."""
        raw = self.raw_curvature
        with torch.autocast(raw.device.type, enabled=False):
            return self.initial_curvature * raw.to(geometry_dtype(raw.dtype)).exp()

    def at(self, i: int) -> Tensor:
        """k of the features that enter block `i`; `i = num_layers` is the head's. A scalar."""
        k = self()
        return k[i] if len(k) > 1 else k[0]


class HyperbolicCNNPreTrainedModel(PreTrainedModel):
    """Initialisation, loading, saving, and the public face of the geometry."""

    config: HyperbolicCNNConfig
    config_class = HyperbolicCNNConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    # Trainer must divide the loss by the accumulation steps: it is a mean over the batch
    accepts_loss_kwargs = False
    _no_split_modules = ["HyperbolicCNNBlock", "HyperbolicCNNResidualBlock"]
    # norms, curvature and classifier work in float32: points reach squared norms of 1e8
    _keep_in_fp32_modules_strict = ["norm"]

    def _init_weights(self, module: nn.Module) -> None:
        bound = self.config.initializer_range
        if isinstance(module, HyperbolicCNNCurvature):
            init.zeros_(module.raw_curvature)
        elif isinstance(module, LorentzConv1d | LorentzLinear):
            # `space` is drawn for itself, below: a checkpoint may fit one of the two
            if self.config.block == "residual":
                init.zeros_(module.time_weight)
            else:
                init.uniform_(module.time_weight, -bound, bound)
        elif isinstance(module, CONVOLUTIONS_AND_LINEAR) and self.config.block == "residual":
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            init.zeros_(module.bias)
        elif isinstance(module, CONVOLUTIONS_AND_LINEAR) and self.config.geometry == "lorentz":
            init.uniform_(module.weight, -bound, bound)
            init.zeros_(module.bias)
        elif isinstance(module, CONVOLUTIONS_AND_LINEAR):
            fan_in = module.weight[0].numel()  # PyTorch's own, as in the official baseline
            init.uniform_(module.weight, -(fan_in**-0.5), fan_in**-0.5)
            init.uniform_(module.bias, -(fan_in**-0.5), fan_in**-0.5)
        elif isinstance(module, LorentzBatchNorm):
            init.zeros_(module.beta)
            init.ones_(module.gamma)
            init.zeros_(module.running_mean)
            init.ones_(module.running_var)
        elif isinstance(module, EuclideanBatchNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
            init.zeros_(module.running_mean)
            init.ones_(module.running_var)
        elif isinstance(module, LorentzMLR):
            init.uniform_(module.a, -(module.in_features**-0.5), module.in_features**-0.5)
            init.uniform_(module.z, -(module.in_features**-0.5), module.in_features**-0.5)

    @property
    def _backbone(self) -> "HyperbolicCNNModel":
        return getattr(self, self.base_model_prefix, self)

    def curvatures(self) -> Tensor:
        """The current k of every curvature, `(num_curvatures,)`; empty if Euclidean."""
        if self.config.geometry == "euclidean":
            return torch.empty(0, device=self.device)
        return self._backbone.curvature()

    def manifold(self, i: int = -1) -> Any:
        """The manifold on which `hidden_states[i]` lies, as geoopt's.

        Args:
            i: 0 for the embedded bases, `i` for the output of the i-th block; the last, also -1, is
                that of `last_hidden_state` and `pooler_output`.

        Returns:
            `geoopt.Lorentz` with the current k (`geoopt.Euclidean` for the twin). Points have the
            time component first, along the last dimension.

        Raises:
            IndexError: there is no such hidden state.
            ImportError: geoopt is not installed.
        """
        with warnings.catch_warnings():
            # geoopt 0.5.1 compiles its maps at import by a function that torch deprecates
            warnings.simplefilter("ignore")
            try:
                import geoopt
            except ImportError as error:
                raise ImportError("manifold() needs geoopt: pip install geoopt") from error

        states = self.config.num_layers + 1
        if not -states <= i < states:
            raise IndexError(f"hidden state {i} was asked for, but the model has {states}.")
        if self.config.geometry == "euclidean":
            return geoopt.Euclidean(ndim=1)
        return geoopt.Lorentz(k=self._backbone.curvature.at(i % states).detach().clone())

    def manifold_points(self) -> Iterator[tuple[str, nn.Parameter, Callable[[], Tensor]]]:
        """The parameters that are points: `(name, parameter (n,), curvature)`.

        `parameter` holds the space components, and `curvature()` returns the current k of its
        hyperboloid. None in the Euclidean twin.
        """
        if self.config.geometry == "euclidean":
            return
        for name, module in self.named_modules():
            if isinstance(module, HyperbolicCNNBlock | HyperbolicCNNResidualBlock):
                index = int(name.rpartition(".")[2])
                i = index if self.config.multi_curvature else 0
                for point in module.points:
                    yield (
                        f"{name}.{point}",
                        module.get_parameter(point),
                        partial(self._backbone.curvature.at, i),
                    )

    def get_input_embeddings(self) -> None:
        """Bases are embedded one-hot: there is no table to return or train."""
        return

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> None:
        """Not possible: bases are embedded one-hot.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "bases are embedded one-hot, so there is no table of embeddings to resize; for more "
            "token ids, which all stand at the origin, set config.vocab_size."
        )

    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: dict[str, Tensor] | None = None,
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> None:
        """Saves weights, configuration and the code that runs them; see the base class.

        The folder loads with `trust_remote_code=True` where this package is not installed. Files
        are written aside and moved into place: a failed save leaves an older folder intact.

        Args:
            save_directory: the folder, made if absent.
            is_main_process: False for a process that writes nothing.
            state_dict: saved instead of the model's own.
            push_to_hub: also upload the model, as [`push_to_hub`] does with the options of that
                name among `kwargs` (`repo_id` is the folder's name by default).
            kwargs: further options of the base class, such as `max_shard_size`.

        Raises:
            ValueError: `save_directory` is a file, or an option of saving was given that an upload
                cannot follow.
        """
        hub = {name: kwargs.pop(name) for name in HUB_OPTIONS if name in kwargs}
        if push_to_hub and (state_dict is not None or kwargs.keys() - {"max_shard_size", "token"}):
            raise ValueError(
                f"push_to_hub=True uploads the model as it is, but state_dict or {sorted(kwargs)} "
                f"was given; save first, then upload the folder with huggingface_hub."
            )

        def save(folder: Path) -> None:
            super(HyperbolicCNNPreTrainedModel, self).save_pretrained(
                folder, is_main_process=is_main_process, state_dict=state_dict, **kwargs
            )

        if not is_main_process:
            save(Path(save_directory))
            return
        if self.config.model_type == HyperbolicCNNConfig.model_type:  # a subclass has its own
            self.config.auto_map = dict(AUTO_MAP)
        save_complete(save, save_directory, code_files(__file__))
        if push_to_hub:
            repo_id = hub.pop("repo_id", Path(save_directory).resolve().name)
            self.push_to_hub(repo_id, **hub, **kwargs)


class HyperbolicCNNModel(HyperbolicCNNPreTrainedModel):
    """The hyperbolic CNN without a classification head: one embedding for a sequence.

    Args:
        config: sizes and options.

    Example:
        >>> from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNModel
        >>> model = HyperbolicCNNModel(HyperbolicCNNConfig(max_length=70)).eval()
        >>> inputs = DNATokenizer()(["ACGTN", "TTAGGG"], padding=True, return_tensors="pt")
        >>> model(**inputs).pooler_output.shape
        torch.Size([2, 528])
    """

    def __init__(self, config: HyperbolicCNNConfig):
        super().__init__(config)
        block = HyperbolicCNNResidualBlock if config.block == "residual" else HyperbolicCNNBlock
        self.blocks = nn.ModuleList(block(config, i) for i in range(config.num_layers))
        self.pooler = HyperbolicCNNPooler(config)
        if config.geometry == "lorentz":
            # not first: the dtype of a model is that of its first parameter, and this one's is
            # float32 also in a model that was loaded in bfloat16
            self.curvature = HyperbolicCNNCurvature(config)
            self._keep_in_fp32_modules_strict = ["norm", "raw_curvature"]
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPooling:
        """Embeds sequences.

        Args:
            input_ids: token ids `(B, L)` of any integer dtype: 0 to 4 are A, C, G, T, N; other ids
                stand at the origin.
            attention_mask: `(B, L)`, 1 for a base and 0 for padding; by default every position
                counts whose id is not `config.pad_token_id`. `head="flatten"` reads positions from
                the first column on, so it needs padding on the right.
            inputs_embeds: `(B, L, 5)` instead of `input_ids`: one-hot or soft bases, for
                attributions and sequence design.
            output_hidden_states: also return the features after every block.

        Returns:
            `last_hidden_state (B, L, C)` and `pooler_output (B, E)`, points of `manifold(-1)` with
            the time component first (all components free in the Euclidean twin), in float32 or
            better; `hidden_states` on request, `num_layers + 1` tensors `(B, L, C)` (the first
            `(B, L, 6)`, the embedded bases; 5 wide in the twin), the i-th on `manifold(i)`. With
            `reverse_complement="average"` the hidden states are those of the given strand, and
            `pooler_output` is of both.

        Raises:
            ValueError: neither or both inputs given, no tensors, wrong or empty shapes, ids that
                are no integers, an id outside the vocabulary (checked on the CPU outside compiled
                code), or with `head="flatten"` more than `config.max_length` positions or padding
                on the left.
        """
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        x, mask = self._embed(input_ids, attention_mask, inputs_embeds)
        length = x.shape[2]
        if self.config.reverse_complement == "average":
            other, other_mask = reverse_complement(x, mask)
            x = torch.cat([x, other])
            mask = None if mask is None or other_mask is None else torch.cat([mask, other_mask])
        if self.config.head == "flatten" and not self.config.mask_padding:
            # as in the official network, padding goes through the convolutions like any base
            x = F.pad(x, (0, self.config.max_length - length))

        lorentz = self.config.geometry == "lorentz"
        conv_mask = mask if self.config.mask_padding else None
        k = self.curvature.at(0) if lorentz else None
        if self.training and self.blocks[0].gradient_checkpointing and not x.requires_grad:
            # reentrant checkpointing gives no gradient to a block none of whose inputs has one
            x = x.detach().requires_grad_()
        squared = squared_norm(x) if lorentz else None
        hidden_states = [(x, squared, k)]
        for i, block in enumerate(self.blocks):
            x, squared, statistics = block(x, squared, k, conv_mask)
            block.update_running_statistics_(statistics, k)
            if lorentz and self.config.multi_curvature:
                new_k = self.curvature.at(i + 1)
                squared = squared_norm(x) if squared is None else squared
                scale = change_curvature_scale(
                    squared, k=k, new_k=new_k, max_radius=self.config.max_radius
                )
                x, squared, k = x * scale, squared * scale * scale, new_k
            hidden_states.append((x, squared, k))
        strands = 2 if self.config.reverse_complement == "average" else 1
        pooled = self.pooler(x, mask, k, strands, squared)
        given = (slice(x.shape[0] // strands), slice(None), slice(length))  # not its complement
        last = as_points(*hidden_states[-1], given)
        return BaseModelOutputWithPooling(
            last_hidden_state=last,
            pooler_output=add_time(pooled, k=k, dim=-1) if lorentz else pooled,
            hidden_states=(
                (*(as_points(*state, given) for state in hidden_states[:-1]), last)
                if output_hidden_states
                else None
            ),
        )

    def _embed(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """One-hot features `(B, 5, L)`, 0 at padding, and the mask `(B, 1, L)`, or `None`."""
        given = check_inputs(input_ids, attention_mask, inputs_embeds)
        if not given.shape[0] or not given.shape[1]:
            raise ValueError(
                f"the input has the shape {tuple(given.shape)}; give at least one sequence (B) of "
                "at least one position (L)."
            )
        if self.config.head == "flatten" and given.shape[1] > self.config.max_length:
            raise ValueError(
                f"the input has {given.shape[1]} positions, but head='flatten' of this model reads "
                f"max_length={self.config.max_length}; truncate the input "
                f"(tokenizer(..., truncation=True, max_length={self.config.max_length})), or build "
                f"a model with a larger max_length or with head='centroid'."
            )
        # by a buffer: `self.dtype` asks parameters, of which replicas of nn.DataParallel have none
        first = self.blocks[0]
        norm = first.norm if self.config.block == "residual" else first.layers[0].norm
        dtype = geometry_dtype(norm.running_var.dtype)
        if input_ids is not None:
            input_ids = input_ids.long()
            check_ids(input_ids, self.config.vocab_size)
            bases = torch.arange(NUM_BASES, device=given.device)
            x = (input_ids[:, None] == bases[:, None]).to(dtype)
            if attention_mask is None and self.config.pad_token_id is not None:
                attention_mask = input_ids != self.config.pad_token_id
        else:
            x = given.to(dtype).transpose(1, 2)  # (B, L, 5) -> (B, 5, L)
        if attention_mask is None:
            return x, None
        mask = attention_mask.to(dtype)[:, None]
        self._check_padding(mask)
        if _decides_by_values(mask) and bool(mask.all()):
            return x, None  # nothing is padded: the same result for less work
        return x * mask, mask

    def _check_padding(self, mask: Tensor) -> None:
        if not _decides_by_values(mask):
            return
        if self.config.head == "flatten" and bool((mask[..., 0] < mask.amax(2)).any()):
            raise ValueError(
                "head='flatten' reads positions from the first column on, but a sequence is padded "
                "on the left; pad on the right (tokenizer.padding_side = 'right')."
            )


def _decides_by_values(mask: Tensor) -> bool:
    """Whether the values of this mask may choose the way: not in a graph that others will take, and
    not on a device that would have to be waited for."""
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return not recorded and mask.device.type == "cpu"


def as_points(
    features: Tensor, squared: Tensor | None, k: Tensor | None, given: tuple[slice, ...]
) -> Tensor:
    """The part `given` of features `(B, C - 1, L)` as points `(B, L, C)`; of flat space, if `k` is
    `None`, of `(B, C, L)` as they are."""
    features, squared = features[given], None if squared is None else squared[given]
    return (features if k is None else add_time(features, squared, k=k)).transpose(1, 2)


def reverse_complement(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The other strand of one-hot features `(B, 5, L)` and of their mask `(B, 1, L)`.

    Padding stays where it is; positions masked between bases are mirrored with the bases.
    """
    x = x[:, COMPLEMENT]
    if mask is None:
        return x.flip(2), None
    length = x.shape[2]
    positions = torch.arange(length, device=x.device)
    first, last = mask.argmax(2), (mask * positions).argmax(2)
    source = (first + last - positions)[:, None] % length  # (B, 1, L)
    return x.gather(2, source.expand_as(x)), mask.gather(2, source)


class HyperbolicCNNForSequenceClassification(HyperbolicCNNPreTrainedModel):
    """The hyperbolic CNN with Lorentz multinomial logistic regression on the embedding.

    Single-label, multi-label and regression losses as `config.problem_type` says (told from the
    labels if it is `None`).

    Args:
        config: sizes and options; `config.num_labels` logits.
    """

    _keep_in_fp32_modules_strict = ["norm", "classifier"]

    def __init__(self, config: HyperbolicCNNConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = HyperbolicCNNModel(config)
        self.classifier = (
            LorentzMLR(config.embedding_width - 1, config.num_labels)
            if config.geometry == "lorentz"
            else EuclideanLinear(config.embedding_width, config.num_labels)
        )
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Classifies sequences; see [`HyperbolicCNNModel.forward`] for the inputs.

        Args:
            labels: `(B,)` class indices (-100: not counted), `(B,)` values for regression, or
                `(B, N)` zeros and ones for several labels at once; of any dtype, but for classes
                whole numbers.

        Returns:
            `logits (B, N)`, `loss` if labels are given, `hidden_states` on request.

        Raises:
            ValueError: an input that the base model refuses, or a class index outside the range
                (checked on the CPU outside compiled code).
        """
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        pooled = outputs.pooler_output
        if self.config.geometry == "lorentz":
            # of space components: the time component follows from those that are left
            dropped = F.dropout(pooled[:, 1:], self.config.dropout, self.training)
            logits = self.classifier(dropped, self.model.curvature.at(-1))
        else:
            logits = self.classifier(F.dropout(pooled, self.config.dropout, self.training))
        loss = None
        if labels is not None:
            labels = self._labels_of_loss(labels, logits.dtype)
            self._check_labels(labels)
            loss = self.loss_function(labels, logits, self.config)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states
        )

    def _labels_of_loss(self, labels: Tensor, dtype: torch.dtype) -> Tensor:
        """Labels in the dtype that their loss takes: int64 for classes, else that of the logits.

        Without `config.problem_type`, whole numbers are classes unless there is one per logit.
        """
        classes = self.config.problem_type == "single_label_classification"
        if self.config.problem_type is None:
            one_per_logit = labels.dim() == 2 and labels.shape[1] == self.num_labels
            classes = self.num_labels > 1 and not one_per_logit
        if not classes:
            # float32 at least: under autocast logits may be of half precision, and losses are not
            return labels.to(geometry_dtype(dtype))
        # a fraction is no class: the loss refuses what a cast would cut off
        return labels if labels.is_floating_point() else labels.long()

    def _check_labels(self, labels: Tensor) -> None:
        classes = labels.dtype == torch.long and self.num_labels > 1
        if not classes or torch.compiler.is_compiling() or labels.device.type != "cpu":
            return
        wrong = labels[((labels < 0) & (labels != -100)) | (labels >= self.num_labels)]
        if wrong.numel():
            raise ValueError(
                f"label {wrong[0].item()} is outside the range 0..{self.num_labels - 1} of a model "
                f"with num_labels={self.num_labels}; build the model with num_labels at least "
                f"{wrong.max().item() + 1}, or mend the labels."
            )


CONVOLUTIONS_AND_LINEAR = (SameConv1d, nn.Linear)  # of the twin, and `space` of a Lorentz layer
HUB_OPTIONS = (
    "repo_id",
    "commit_message",
    "commit_description",
    "private",
    "revision",
    "create_pr",
    "tags",
)

AUTO_MAP = {
    "AutoConfig": "configuration_hyperbolic_cnn.HyperbolicCNNConfig",
    "AutoModel": "modeling_hyperbolic_cnn.HyperbolicCNNModel",
    "AutoModelForSequenceClassification": (
        "modeling_hyperbolic_cnn.HyperbolicCNNForSequenceClassification"
    ),
}

__all__ = [
    "HyperbolicCNNForSequenceClassification",
    "HyperbolicCNNModel",
    "HyperbolicCNNPreTrainedModel",
]
