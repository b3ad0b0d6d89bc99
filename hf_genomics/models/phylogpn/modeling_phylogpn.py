"""PhyloGPN (Albors et al., RECOMB 2025, arXiv 2503.03773): rates of evolution from a sequence.

A dilated convolutional network that commutes with reverse complement reads the bases around a
position and gives four log rates, of evolution towards A, C, G and T. It is trained by the
likelihood of the other species' bases given the reference's, under a substitution model on a tree.

Legend: B batch, L positions of the input, L' positions of the output, D outer channels, S leaves.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import ModelOutput, can_return_tuple

# Who loads a saved folder may have a Transformers before 5.8, which copies only the files that this
# one names itself: those that it does not use (F401) are needed by those that it does.
from .configuration_phylogpn import PhyloGPNConfig
from .exponentials import one_or_more  # noqa: F401
from .input_checks import NUM_BASES, check_ids, check_inputs
from .level_schedule import LevelSchedule  # noqa: F401
from .modeling_base import PhyloGPNPreTrainedModel
from .newick import parse_newick  # noqa: F401
from .original_format import generation  # noqa: F401
from .phylogenetic_likelihood import conditional_log_likelihood
from .phylogeny import Phylogeny, path_of
from .products import product  # noqa: F401
from .pruning import prune  # noqa: F401
from .remote_code import code_files  # noqa: F401
from .reverse_complement import from_pairs, from_symmetric, to_pairs
from .site_evaluation import evaluate  # noqa: F401
from .substitution_models import F81, HKY85, JC69
from .symmetric_functions import NormGeluConv  # noqa: F401
from .symmetric_layers import (
    Features,
    StrandInvariantLinear,
    SymmetricConv1d,
    SymmetricEmbedding,
    SymmetricNorm,
    gelu,
    norm_gelu_conv,
)

BASES = "ACGT"
ZERO_ID = 5  # of `-`, whose embedding is zero
POOLED_FIELD = 6001  # receptive field of PhyloGPN-X
POOLING_SEED = 42


@dataclass
class PhyloGPNOutput(ModelOutput):
    """What a [`PhyloGPNModel`] returns; `output["A"]` to `output["T"]` are columns of `logits`.

    Args:
        loss: `()`, if labels were given.
        last_hidden_state: `(B, L', D)`, the embeddings: the channels after the last norm.
        logits: `(B, L', 4)`, log rates of A, C, G, T.
        hidden_states: `num_blocks + 1` tensors `(B, L_i, D)`, the residual stream before the first
            block and after each.
    """

    loss: Tensor | None = None
    last_hidden_state: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None

    def __getitem__(self, key: Any) -> Any:
        if self._has_column(key):
            return self.logits[..., BASES.index(key)]
        return super().__getitem__(key)

    def __contains__(self, key: Any) -> bool:
        return self._has_column(key) or super().__contains__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """What `output[key]` is, or the default: a `dict` would not know the columns."""
        return self[key] if self._has_column(key) else super().get(key, default)

    def _has_column(self, key: Any) -> bool:
        is_base = isinstance(key, str) and len(key) == 1 and key in BASES
        return is_base and self.logits is not None


class PhyloGPNBlock(GradientCheckpointingLayer):
    """Norm, GELU, convolution, three times, around a residual: to half the width and back."""

    def __init__(self, config: PhyloGPNConfig, dilation: int):
        super().__init__()
        outer, inner = config.outer_dim, config.inner_dim
        self.flank = (config.kernel_size - 1) // 2 * dilation
        self.norm1 = make_norm(config, outer)
        self.conv1 = SymmetricConv1d(outer, inner)
        self.norm2 = make_norm(config, inner)
        self.conv2 = SymmetricConv1d(inner, inner, config.kernel_size, dilation)
        self.norm3 = make_norm(config, inner)
        self.conv3 = SymmetricConv1d(inner, outer)

    def forward(self, s: Tensor, a: Tensor, mask: Tensor | None) -> Features:
        """Features `(B, L, D/2)` twice to `(B, L - 2 * flank, D/2)` twice."""
        h = norm_gelu_conv(self.norm1, self.conv1, s, a, mask)
        h = norm_gelu_conv(self.norm2, self.conv2, *h, mask)
        h = norm_gelu_conv(self.norm3, self.conv3, *h, shrink(mask, self.flank))
        length = s.shape[1] - 2 * self.flank
        return h[0] + s.narrow(1, self.flank, length), h[1] + a.narrow(1, self.flank, length)


def make_norm(config: PhyloGPNConfig, channels: int) -> SymmetricNorm:
    return SymmetricNorm(
        channels,
        eps=config.layer_norm_eps,
        tied=config.tie_norm_symmetry,
        over_positions=config.norm == "group_norm",
    )


def window_sum(x: Tensor, width: int) -> Tensor:
    """Sums over `width` neighbours: `(B, L)` to `(B, L - width + 1)`."""
    sums = F.pad(x.cumsum(1), (1, 0))
    return sums[:, width:] - sums[:, :-width]


def shrink(mask: Tensor | None, flank: int) -> Tensor | None:
    """Positions `(B, L - 2 * flank)` whose neighbours up to `flank` away are all in the mask."""
    if mask is None or flank == 0:
        return mask
    return (window_sum(mask, 2 * flank + 1) == 2 * flank + 1).to(mask.dtype)


class PhyloGPNModel(PhyloGPNPreTrainedModel):
    """PhyloGPN: embeddings and log rates of evolution for the positions of a sequence.

    With tied norms (new models), or with `reverse_complement="average"`, it commutes with reverse
    complement: the rates for the other strand are those of this strand, read backwards with A and
    T, C and G exchanged.

    Args:
        config: sizes and options.
        add_rate_head: whether there are log rates; a model with another head leaves them out.

    Example:
        >>> from hf_genomics import DNATokenizer, PhyloGPNConfig, PhyloGPNModel
        >>> config = PhyloGPNConfig(outer_dim=32, inner_dim=16, num_stacks=2, token_padding="same")
        >>> model = PhyloGPNModel(config).eval()
        >>> inputs = DNATokenizer()(["ACGTN", "TTAGGG"], padding=True, return_tensors="pt")
        >>> model(**inputs)["A"].shape
        torch.Size([2, 6])
    """

    _is_base_model = True

    def __init__(self, config: PhyloGPNConfig, add_rate_head: bool = True):
        super().__init__(config)
        self.embedding = SymmetricEmbedding(config.outer_dim, config.vocab_size)
        self.blocks = nn.ModuleList(PhyloGPNBlock(config, d) for d in config.dilations)
        self.norm = make_norm(config, config.outer_dim)
        self.rate_head = SymmetricConv1d(config.outer_dim, len(BASES)) if add_rate_head else None
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> PhyloGPNOutput:
        """Embeds sequences and gives the log rates of their positions.

        Args:
            input_ids: token ids `(B, L)` of any integer dtype: 0 to 4 are A, C, G, T, N; other ids
                are embedded as zero.
            attention_mask: `(B, L)`, 0 for a position that is not there: it is zero, as `-` is
                (under `token_padding="same"`, it is what the config fills with), and does not count
                in the statistics of a group norm. By default every position counts.
            inputs_embeds: `(B, L, 5)` instead of `input_ids`: one-hot or soft bases, for
                attributions and sequence design.
            output_hidden_states: also return the residual stream.

        Returns:
            Embeddings `last_hidden_state (B, L', D)` and log rates `logits (B, L', 4)`, with
            `L' = L - 2 * config.flank`, output p of input position `p + config.flank`; `L' = L`
            under `token_padding="same"`. `hidden_states` on request: `num_hidden_layers + 1`
            tensors `(B, L_i, D)` (of the given strand, if both are averaged).

        Raises:
            ValueError: neither or both inputs given, no tensors, wrong shapes, ids that are no
                integers, an input shorter than the receptive field, or an id outside the vocabulary
                (checked on the CPU outside compiled code).
        """
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        x, mask = self._embed(input_ids, attention_mask, inputs_embeds)
        s, a = x.chunk(2, 2)
        both = self.config.reverse_complement == "average"
        if both:
            s, a = torch.cat([s, s.flip(1)]), torch.cat([a, -a.flip(1)])
            mask = None if mask is None else torch.cat([mask, mask.flip(1)])
        if self.training and self.blocks[0].gradient_checkpointing and not s.requires_grad:
            # reentrant checkpointing gives no gradient to a block none of whose inputs has one
            s = s.detach().requires_grad_()
        states = [(s, a)]
        for block in self.blocks:
            s, a = block(s, a, mask)
            mask = shrink(mask, block.flank)
            states += [(s, a)] if output_hidden_states else []
        pairs = self.norm(s, a, mask)
        logits = None
        if self.rate_head is not None:
            logits = from_symmetric(torch.cat(self.rate_head(*gelu(pairs)), -1))
        if both:
            pairs = average_strands(pairs, torch.cat(pairs.chunk(2, -1)[::-1], -1))
            logits = None if logits is None else average_strands(logits, logits.flip(2))
        hidden_states = None
        if output_hidden_states:
            given = slice(len(s) // 2 if both else None)
            hidden_states = tuple(
                from_symmetric(torch.cat([s[given], a[given]], -1)) for s, a in states
            )
        return PhyloGPNOutput(
            last_hidden_state=from_pairs(pairs), logits=logits, hidden_states=hidden_states
        )

    def get_embeddings(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        pooling: str | None = None,
    ) -> Tensor:
        """The embeddings `(B, L', D)` of positions: the channels after the last norm.

        Args:
            input_ids: token ids `(B, L)`.
            attention_mask: `(B, L)`, 0 for a position that is not there.
            pooling: `"phylogpn_x"` adds to an embedding what the paper's PhyloGPN-X adds: `R m`
                with m the mean of the embeddings whose windows lie within the 6,001 bases around
                it, `6001 - receptive_field + 1` of them (those outside the output and masked ones
                count as zero), and R a fixed matrix of standard normal numbers. R does not know of
                strands: these do not commute with reverse complement.

        Raises:
            ValueError: another pooling, or a receptive field wider than that window.
        """
        if pooling not in (None, "phylogpn_x"):
            raise ValueError(f"pooling must be None or 'phylogpn_x', got {pooling!r}.")
        if pooling is not None and self.config.receptive_field > POOLED_FIELD:
            raise ValueError(
                f"pooling='phylogpn_x' averages over windows of {POOLED_FIELD} bases, but one "
                f"embedding of this model reads {self.config.receptive_field} already; leave out "
                "pooling."
            )
        outputs = self(input_ids, attention_mask=attention_mask, return_dict=True)
        embeddings = outputs.last_hidden_state
        if pooling is None:
            return embeddings
        mask = output_mask(attention_mask, self.config)
        counted = embeddings if mask is None else embeddings * mask[:, :, None].to(embeddings)
        half = (POOLED_FIELD - self.config.receptive_field) // 2
        generator = torch.Generator().manual_seed(POOLING_SEED)
        width = self.config.outer_dim
        mixing = torch.empty(width, width, dtype=torch.float32)
        mixing = mixing.normal_(generator=generator).to(embeddings)
        return embeddings + F.linear(window_mean(counted, half), mixing)

    def _embed(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Features `(B, L, D)`, extended if so configured, and the mask for statistics."""
        given = check_inputs(input_ids, attention_mask, inputs_embeds)
        same, field = self.config.token_padding == "same", self.config.receptive_field
        if given.shape[1] < (1 if same else field):
            raise ValueError(
                f"the input has {given.shape[1]} positions, but an output reads {field}; pad it "
                f"with {self.config.flank} '-' or N on either side, or build the model with "
                f"token_padding='same', which does that."
            )
        mask = None if attention_mask is None else (attention_mask != 0).float()
        fill_id, flank = self.config.fill_token_id, self.config.flank
        # the table is read by calls of the embedding alone, which its hooks rely on
        if input_ids is not None:
            input_ids = input_ids.long()
            check_ids(input_ids, self.config.vocab_size)
            if mask is not None:
                input_ids = input_ids.masked_fill(mask == 0, fill_id if same else ZERO_ID)
            x = self.embedding(
                F.pad(input_ids, (flank, flank), value=fill_id) if same else input_ids
            )
        else:
            table = self.embedding(torch.arange(ZERO_ID + 1, device=given.device)[None])[0]
            with torch.autocast(given.device.type, enabled=False):  # as precise as a look-up
                x = given.to(table.dtype) @ table[:NUM_BASES]
            if mask is not None:
                x = torch.where(mask[:, :, None] != 0, x, table[fill_id] if same else 0.0)
            if same:
                ends = table[fill_id].expand(x.shape[0], flank, -1)
                x = torch.cat([ends, x, ends], 1)
        if self.config.norm != "group_norm":
            return x, None
        if same and mask is not None:
            # what is filled in around a sequence counts, as it does for one without padding
            mask = (window_sum(F.pad(mask, (2 * flank, 2 * flank)), 2 * flank + 1) > 0).float()
        return x, mask


def average_strands(given: Tensor, partners: Tensor) -> Tensor:
    """`(2 B, L', C)`, both strands and the same with partners exchanged, to their mean."""
    one, other = given.unflatten(0, (2, -1))[0], partners.unflatten(0, (2, -1))[1]
    return (one + other.flip(1)) / 2


def output_mask(attention_mask: Tensor | None, config: PhyloGPNConfig) -> Tensor | None:
    """From the mask `(B, L)` of the input, `(B, L')` of the outputs a sequence has by itself."""
    if attention_mask is None:
        return None
    mask = (attention_mask != 0).float()
    return mask if config.token_padding == "same" else shrink(mask, config.flank)


def window_mean(x: Tensor, half: int) -> Tensor:
    """Mean of `(B, L', D)` over `2 * half + 1` positions around each; those outside are zero."""
    sums = F.pad(x.double().cumsum(1), (0, 0, 1, 0))
    length = x.shape[1]
    positions = torch.arange(length, device=x.device)
    upper = sums[:, (positions + half + 1).clamp(max=length)]
    return ((upper - sums[:, (positions - half).clamp(min=0)]) / (2 * half + 1)).to(x.dtype)


class PhyloGPNForMaskedLM(PhyloGPNPreTrainedModel):
    """PhyloGPN with its loss: the likelihood of the other species given the reference.

    Nothing is masked: the name is that of the Auto class for models that predict each position.

    Args:
        config: sizes and options; `phylogeny` and `reference_leaf` for a loss.

    Raises:
        ValueError: `config.reference_leaf` is not a leaf of `config.phylogeny`.
        FileNotFoundError: `config.phylogeny` is neither a tree nor the path of a file.
    """

    def __init__(self, config: PhyloGPNConfig):
        super().__init__(config)
        self.model = PhyloGPNModel(config)
        self.phylogeny = None
        if config.phylogeny is not None:
            self.phylogeny = Phylogeny.from_newick(config.phylogeny)
            if path_of(config.phylogeny) is not None:
                # a saved configuration must not depend on a file
                config.phylogeny = self.phylogeny.to_newick()
            leaf = config.reference_leaf
            if leaf is not None and leaf not in self.phylogeny.leaf_names:
                raise ValueError(
                    f"reference_leaf {leaf!r} is not among the {self.phylogeny.num_leaves} leaves "
                    f"of the phylogeny ({self.phylogeny.leaf_names[:3]}, ...)."
                )
        self.post_init()

    def get_embeddings(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        pooling: str | None = None,
    ) -> Tensor:
        """See [`PhyloGPNModel.get_embeddings`]."""
        return self.model.get_embeddings(input_ids, attention_mask, pooling)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        position_weights: Tensor | None = None,
        reference_leaves: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> PhyloGPNOutput:
        """Log rates, and the loss if labels are given; see [`PhyloGPNModel.forward`].

        The loss is the paper's Eq. 4: the mean over the counted sites of
        `-weight * log P(the other leaves | the reference leaf)`.

        Args:
            labels: `(B, L', S)`, the states of the leaves of `config.phylogeny` in its order, the
                reference included: 0 to 3 are A, C, G, T, and 4 is a gap or unknown. A site
                that does not count, one whose reference is unknown say, has -100 throughout.
            position_weights: `(B, L')`; 1 if `None`.
            reference_leaves: `(B,)`, position of the leaf whose sequence each row of the input is;
                `config.reference_leaf` if `None`.
            num_items_in_batch: labels other than -100 in all batches of an optimizer step,
                S for every counted site; Trainer gives it. The counted sites of this
                batch if `None`.

        Returns:
            `logits (B, L', 4)`, `last_hidden_state`, and `loss` if labels are given.

        Raises:
            ValueError: an input that the base model refuses, labels, weights or leaves of another
                shape, or labels without `phylogeny` and `reference_leaf` in the config.
        """
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        if labels is None:
            return outputs
        loss = self._loss(
            outputs.logits, labels, position_weights, reference_leaves, num_items_in_batch
        )
        return PhyloGPNOutput(loss=loss, **outputs)

    def _loss(
        self,
        logits: Tensor,
        labels: Tensor,
        position_weights: Tensor | None,
        reference_leaves: Tensor | None,
        num_items_in_batch: Tensor | int | None,
    ) -> Tensor:
        if self.phylogeny is None or self.config.reference_leaf is None:
            raise ValueError(
                "a loss needs the tree of the aligned species and the one whose sequence is the "
                "input; set config.phylogeny (Newick) and config.reference_leaf."
            )
        leaves = self.phylogeny.num_leaves
        if labels.shape != (*logits.shape[:2], leaves):
            raise ValueError(
                f"labels must be {(*logits.shape[:2], leaves)}, the states of {leaves} leaves for "
                f"every output position, got {tuple(labels.shape)}."
            )
        if position_weights is not None and position_weights.shape != logits.shape[:2]:
            raise ValueError(
                f"position_weights must be {tuple(logits.shape[:2])}, one for each output "
                f"position, got {tuple(position_weights.shape)}."
            )
        reference: str | Tensor = self.config.reference_leaf
        if reference_leaves is not None:
            if reference_leaves.shape != logits.shape[:1]:
                raise ValueError(
                    f"reference_leaves must be {tuple(logits.shape[:1])}, one leaf for each row "
                    f"of the batch, got {tuple(reference_leaves.shape)}."
                )
            reference = reference_leaves[:, None].expand(logits.shape[:2])
        log_rates = logits.to(torch.promote_types(logits.dtype, torch.float32))
        with torch.autocast(logits.device.type, enabled=False):
            per_site = conditional_log_likelihood(
                log_rates,
                labels,
                self.phylogeny,
                reference_leaf=reference,
                substitution_model=make_substitution_model(self.config),
            )
        counted = (labels != -100).any(2)
        weights = counted.to(per_site.dtype)
        if position_weights is not None:
            weights = weights * position_weights
        total = (weights * per_site).sum()
        if num_items_in_batch is None:
            return -total / counted.sum().clamp_min(1)
        return -total / (num_items_in_batch / leaves)


def make_substitution_model(config: PhyloGPNConfig) -> Any:
    """The substitution model that the configuration names."""
    if config.substitution_model == "hky85":
        return HKY85(kappa=config.kappa)
    return JC69() if config.substitution_model == "jc69" else F81(transition=config.transition)


class PhyloGPNForSequenceClassification(PhyloGPNPreTrainedModel):
    """PhyloGPN with a linear classifier on its pooled embeddings.

    Both strands get the same logits where the network commutes with reverse complement: with tied
    norms, or with `reverse_complement="average"`. Single-label, multi-label and regression losses
    as `config.problem_type` says (told from the labels if it is `None`).

    Args:
        config: sizes and options; `config.num_labels` logits. For sequences shorter than the
            receptive field set `token_padding="same"`.
    """

    _has_rate_head = False
    # Trainer must divide the loss by the accumulation steps: it is a mean over the batch
    accepts_loss_kwargs = False

    def __init__(self, config: PhyloGPNConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = PhyloGPNModel(config, add_rate_head=False)
        self.classifier = StrandInvariantLinear(config.outer_dim, config.num_labels)
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
        """Classifies sequences; see [`PhyloGPNModel.forward`] for the inputs.

        Args:
            labels: `(B,)` class indices (-100: not counted), `(B,)` values for regression, or
                `(B, num_labels)` zeros and ones for several labels at once; of any dtype, but for
                classes whole numbers.

        Returns:
            `logits (B, num_labels)`, `loss` if labels are given, `hidden_states` on request.

        Raises:
            ValueError: an input that the base model refuses, a sequence of a batch that is shorter
                than the receptive field (checked outside compiled code), or a class index outside
                the range (checked on the CPU outside compiled code).
        """
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        mask = output_mask(attention_mask, self.config)
        self._check_lengths(attention_mask, mask)
        pairs = to_pairs(outputs.last_hidden_state)
        logits = self.classifier(pairs, mask)
        loss = None
        if labels is not None:
            labels = self._labels_of_loss(labels, logits.dtype)
            self._check_labels(labels)
            precise = torch.promote_types(logits.dtype, torch.float32)
            loss = self.loss_function(labels, logits.to(precise), self.config)
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
            return labels.to(torch.promote_types(dtype, torch.float32))
        # a fraction is no class: the loss refuses what a cast would cut off
        return labels if labels.is_floating_point() else labels.long()

    def _check_lengths(self, attention_mask: Tensor | None, mask: Tensor | None) -> None:
        """Refuses sequences that padding alone lets through: they have no output to average.

        On every device, for their logits would be the classifier's bias.
        """
        if attention_mask is None or mask is None or torch.compiler.is_compiling():
            return
        short = (attention_mask != 0).any(1) & ~(mask != 0).any(1)
        if short.any():
            row = int(short.nonzero()[0, 0])
            raise ValueError(
                f"sequence {row} of the batch has {int((attention_mask[row] != 0).sum())} "
                f"positions, but an output reads {self.config.receptive_field}; leave it out, or "
                "build the model with token_padding='same'."
            )

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


__all__ = [
    "PhyloGPNForMaskedLM",
    "PhyloGPNForSequenceClassification",
    "PhyloGPNModel",
    "PhyloGPNPreTrainedModel",
]
