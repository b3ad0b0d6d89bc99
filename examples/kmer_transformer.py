"""A control for VQDNA: its Transformer on a fixed vocabulary, the non-overlapping k-mers.

Same layers, heads, masking and outputs as the VQDNA language model; a table of embeddings in place
of the quantizer. A saved folder takes this file along and loads, where hf_genomics is installed,
with `trust_remote_code=True`.

Legend: B batch, L nucleotides, k nucleotides per token, T tokens (L / k, rounded up), C channels,
K number of tokens, N labels.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedConfig, PreTrainedModel
from transformers import AutoModelForSequenceClassification as AutoClassifier
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import SequenceClassifierOutput

from hf_genomics.models.vqdna.modeling_transformer import VQDNALayer
from hf_genomics.models.vqdna.modeling_vqdna import VQDNAMaskedLMOutput, mean_cross_entropy
from hf_genomics.models.vqdna.nucleotide_heads import PerSequenceHead, mean_over
from hf_genomics.models.vqdna.rotary_embedding import turns

NUM_BASES = 4
IGNORED = -100


class KmerTransformerConfig(PreTrainedConfig):
    """Those fields of `VQDNAConfig` that its layers read, and `kmer_size`, k."""

    model_type = "kmer_transformer"
    keys_to_ignore_at_inference = ["code_logits", "code_losses", "nucleotide_loss", "masked_codes"]

    kmer_size: int = 6
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    rope_theta: float | int = 10_000.0
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.0
    layer_norm_eps: float | int = 1e-6
    initializer_range: float | int = 0.02
    mlm_probability: float | int = 0.25
    mean_span_length: float | int = 6.0
    max_span_length: int = 20
    vocab_size: int = 7
    pad_token_id: int | None = 5
    mask_token_id: int = 6

    @property
    def num_kmers(self) -> int:
        return int(NUM_BASES**self.kmer_size)

    @property
    def num_tokens(self) -> int:
        """k-mers, the shorter ones that end a sequence, `[MASK]`, and one for all else."""
        shorter = sum(NUM_BASES**j for j in range(1, self.kmer_size))
        return self.num_kmers + shorter + 2


class KmerTransformerPreTrainedModel(PreTrainedModel):
    """Initialisation, and what a saved folder says of its code."""

    config_class = KmerTransformerConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    accepts_loss_kwargs = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """As the base class; the folder loads as a language model and as a classifier."""
        file, family = __name__.rpartition(".")[2], "KmerTransformer"
        self.config.auto_map = {
            "AutoConfig": f"{file}.{family}Config",
            "AutoModelForMaskedLM": f"{file}.{family}ForMaskedLM",
            "AutoModelForSequenceClassification": f"{file}.{family}ForSequenceClassification",
        }
        super().save_pretrained(*args, **kwargs)


class KmerTransformerModel(KmerTransformerPreTrainedModel):
    """The encoder: features `(B, T, C)` of token ids `(B, L)`."""

    def __init__(self, config: KmerTransformerConfig):
        super().__init__(config)
        self.tokens = nn.Embedding(config.num_tokens, config.hidden_size)
        self.embedding_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(
            VQDNALayer(cast(Any, config), i) for i in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features, and which tokens `(B, T)` hold a nucleotide.

        Raises:
            ValueError: k-mers of several nucleotides, and padding on the left.
        """
        self._check(input_ids, attention_mask)
        tokens, is_there, has_base = self.tokens_of(input_ids, attention_mask)
        x = self.dropout(self.embedding_norm(self.tokens(tokens)))
        mask = create_bidirectional_mask(self.config, x, is_there)
        positions = turns(
            x.shape[1],
            self.config.hidden_size // self.config.num_attention_heads,
            theta=self.config.rope_theta,
            dtype=x.dtype,
            device=x.device,
        )
        for layer in self.layers:
            x, _ = layer(x, mask, positions)
        return self.norm(x), has_base

    def tokens_of(
        self, ids: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, whether they are there, and whether they hold a nucleotide; `(B, T)` each.

        Tokens are numbered: the k-mers as numbers in base 4, then those of k - 1 nucleotides, k - 2
        and so on, which only end sequences; then `[MASK]`, where any nucleotide is masked, and one
        for whatever else holds something that is no nucleotide: N, a gap.
        """
        config, k = self.config, self.config.kmer_size
        is_there = self.per_kmer(self.is_there(ids, attention_mask))
        is_inside = self.per_kmer(self.is_inside(ids, attention_mask))
        ids = self.per_kmer(ids)
        is_base = (ids < NUM_BASES) & is_there
        length = is_inside.sum(2)
        powers = NUM_BASES ** torch.arange(k - 1, -1, -1, device=ids.device)
        number = (ids * is_base * powers).sum(2) // NUM_BASES ** (k - length)
        # 4^k + 4^(k-1) + ... + 4^(length+1) come before the tokens of this length
        offset = (NUM_BASES ** (k + 1) - NUM_BASES ** (length + 1)) // (NUM_BASES - 1)
        tokens = number + offset
        tokens = torch.where((is_base == is_inside).all(2), tokens, config.num_tokens - 1)
        is_masked = ((ids == config.mask_token_id) & is_there).any(2)
        tokens = torch.where(is_masked, config.num_tokens - 2, tokens)
        tokens = torch.where(is_there.any(2), tokens, config.num_tokens - 1)
        return tokens, is_there.any(2), is_base.any(2)

    def is_there(self, ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """`(B, L)` bool: by the mask; without one, by the token that a gap and padding share."""
        if attention_mask is not None:
            return attention_mask != 0
        pad = self.config.pad_token_id
        return ids != (-1 if pad is None else pad)

    def is_inside(self, ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """`(B, L)` bool: up to the end of each sequence, with the gaps in it."""
        return self.is_there(ids, attention_mask).flip(1).cumsum(1).flip(1) > 0

    def per_kmer(self, x: Tensor) -> Tensor:
        """What is known of positions, `(B, L)`, as `(B, T, k)`; zeros fill up the last k-mer."""
        k = self.config.kmer_size
        return F.pad(x, (0, -x.shape[1] % k)).unflatten(1, (-1, k))

    def is_cut_off(self, ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """`(B, L)` bool: in a k-mer that the end of its sequence cuts off."""
        is_inside = self.per_kmer(self.is_inside(ids, attention_mask))
        cut = is_inside.any(2) & ~is_inside.all(2)
        return cut.repeat_interleave(self.config.kmer_size, 1)[:, : ids.shape[1]]

    def _check(self, ids: Tensor, attention_mask: Tensor | None) -> None:
        if self.config.kmer_size == 1 or torch.compiler.is_compiling():
            return
        is_there = self.is_there(ids, attention_mask)
        if bool((~is_there[:, 0] & is_there.any(1)).any()):
            raise ValueError(
                f"tokens of kmer_size={self.config.kmer_size} nucleotides count from the first "
                "column, but there is padding on the left; set tokenizer.padding_side = 'right'."
            )


class KmerTransformerForMaskedLM(KmerTransformerPreTrainedModel):
    """Predicts the k-mers of which nucleotides are masked."""

    def __init__(self, config: KmerTransformerConfig):
        super().__init__(config)
        self.model = KmerTransformerModel(config)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.head_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.num_kmers)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> VQDNAMaskedLMOutput:
        """Outputs as those of `VQDNAForMaskedLM`.

        `logits (B, L, vocab_size)` are log-probabilities of each nucleotide, the sums over those
        k-mers that have it there; k-mers cut off by the end of a sequence have none (0), and no
        part in the losses.
        """
        config, k = self.config, self.config.kmer_size
        x, _ = self.model(input_ids, attention_mask)
        kmers = self.decoder(self.head_norm(F.gelu(self.dense(x))))
        bases = kmers.float().log_softmax(2).unflatten(2, (NUM_BASES,) * k)  # (B, T, 4, ..., 4)
        per_base = [
            bases.movedim(2 + position, -1).flatten(2, -2).logsumexp(2) if k > 1 else bases
            for position in range(k)
        ]
        logits = torch.stack(per_base, 2).flatten(1, 2)[:, : input_ids.shape[1]]
        cut_off = self.model.is_cut_off(input_ids, attention_mask)
        logits = logits.masked_fill(cut_off[:, :, None], 0.0)
        logits = F.pad(logits, (0, config.vocab_size - NUM_BASES), value=-1e4)
        loss = nucleotide_loss = masked_codes = None
        if labels is not None:
            nucleotide_loss = mean_cross_entropy(logits, labels.masked_fill(cut_off, IGNORED))
            is_masked = labels != IGNORED
            complete = torch.where(is_masked, labels, input_ids)
            targets, _, _ = self.model.tokens_of(complete, attention_mask)
            masked = self.model.per_kmer(is_masked).any(2)
            targets = torch.where(masked & (targets < config.num_kmers), targets, IGNORED)
            loss = mean_cross_entropy(kmers, targets)
            masked_codes = (targets != IGNORED).sum(1)
        return VQDNAMaskedLMOutput(
            loss=loss,
            logits=logits,
            code_logits=(kmers,),
            nucleotide_loss=nucleotide_loss,
            code_losses=None if loss is None else loss[None],
            masked_codes=masked_codes,
        )


class KmerTransformerForSequenceClassification(KmerTransformerPreTrainedModel):
    """A classifier on the mean of the features, with the head of VQDNA's."""

    def __init__(self, config: KmerTransformerConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = KmerTransformerModel(config)
        self.classifier = PerSequenceHead(
            config.hidden_size, int(config.num_labels or 2), dropout=config.hidden_dropout_prob
        )
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """`logits (B, N)`, and the loss if labels are given."""
        x, has_base = self.model(input_ids, attention_mask)
        logits = self.classifier(mean_over(x, has_base))
        loss = None if labels is None else self.loss_function(labels, logits, self.config)
        return SequenceClassifierOutput(loss=loss, logits=logits)


KmerTransformerForMaskedLM.register_for_auto_class("AutoModelForMaskedLM")
KmerTransformerForSequenceClassification.register_for_auto_class(
    "AutoModelForSequenceClassification"
)
KmerTransformerConfig.register_for_auto_class()

AutoConfig.register("kmer_transformer", KmerTransformerConfig, exist_ok=True)
AutoModelForMaskedLM.register(KmerTransformerConfig, KmerTransformerForMaskedLM, exist_ok=True)
AutoClassifier.register(
    KmerTransformerConfig, KmerTransformerForSequenceClassification, exist_ok=True
)
