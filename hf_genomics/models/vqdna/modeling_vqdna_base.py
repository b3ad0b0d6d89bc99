"""What every VQDNA language model shares: initialisation, loading and saving."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from .configuration_vqdna import VQDNAConfig
from .configuration_vqdna_quantizer import check_fields
from .modeling_vqdna_quantizer import VQDNAQuantizerModel
from .remote_code import code_files, save_complete


class VQDNAPreTrainedModel(PreTrainedModel):
    """Initialisation, loading and saving, and the quantizer inside."""

    config: VQDNAConfig
    config_class = VQDNAConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _no_split_modules = ["VQDNALayer", "VQDNAEmbeddings", "VQDNAQuantizerBlock"]
    # Trainer must divide the loss by the accumulation steps: it is a mean over the batch
    accepts_loss_kwargs = False

    def _init_weights(self, module: nn.Module) -> None:
        """Normal weights, as BERT's; the quantizer draws its own."""
        if isinstance(module, nn.Linear | nn.Embedding):
            init.normal_(module.weight, std=self.config.initializer_range)
            if getattr(module, "bias", None) is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)

    @classmethod
    def from_quantizer(
        cls, quantizer: VQDNAQuantizerModel | str | Path, **fields: Any
    ) -> "VQDNAPreTrainedModel":
        """A new language model, to be trained, on the vocabulary of a trained quantizer.

        Args:
            quantizer: the model, whose weights are copied, or its folder or Hub repository.
            fields: of the [`VQDNAConfig`], without `quantizer_config`.

        Raises:
            ValueError: `quantizer_config` is among the fields, or what is none, or the folder holds
                no quantizer.
        """
        if "quantizer_config" in fields:
            raise ValueError("quantizer_config is that of the quantizer; leave it out.")
        check_fields(VQDNAConfig, fields)
        if not isinstance(quantizer, PreTrainedModel):
            quantizer = VQDNAQuantizerModel.from_pretrained(quantizer)
        config = VQDNAConfig(quantizer_config=quantizer.config.to_dict(), **fields)
        model = cls(config)
        model.base_model.quantizer_model.load_state_dict(quantizer.state_dict())
        return model

    def freeze_quantizer(self) -> None:
        """Makes the quantizer a fixed vocabulary; kept when the model is saved."""
        self._set_frozen(True)

    def unfreeze_quantizer(self) -> None:
        """Lets the encoder and codebooks of the quantizer be trained; its decoder stays as it is.

        The codebooks then move in training mode, and the models' losses include the quantizer's
        commitment loss.
        """
        self._set_frozen(False)

    def _set_frozen(self, frozen: bool) -> None:
        base: Any = self.base_model
        quantizer = base.quantizer_model
        # the model's own: several models may have been made from one configuration
        base.quantizer_is_frozen = frozen
        self.config.freeze_quantizer = frozen
        quantizer.requires_grad_(False)
        if not frozen:
            quantizer.encoder.requires_grad_(True)
            if not quantizer.config.codebook_frozen:
                quantizer.quantizer.requires_grad_(True)
        quantizer.train(self.training and not frozen)

    def tokenize(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        chunk_size: int | None = None,
    ) -> Tensor:
        """The codes `(B, Q, T)` of sequences; see [`VQDNAQuantizerModel.tokenize`]."""
        return self.base_model.tokenize(input_ids, attention_mask, chunk_size)

    def detokenize(self, codes: Tensor, chunk_size: int | None = None) -> list[str]:
        """The DNA that codes tell of; see [`VQDNAQuantizerModel.detokenize`]."""
        return self.base_model.quantizer_model.detokenize(codes, chunk_size)

    def set_attn_implementation(
        self, attn_implementation: str | dict[str, str], *args: Any, **kwargs: Any
    ) -> None:
        """Changes the attention of the Transformer; the quantizer has none."""
        if isinstance(attn_implementation, str):
            attn_implementation = {"": attn_implementation}
        ours = attn_implementation | {"quantizer_config": "eager"}
        super().set_attn_implementation(ours, *args, **kwargs)

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Loads a folder or a Hub repository; see the base class for the options."""
        loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        # loading makes every parameter trainable again
        model._set_frozen(model.config.freeze_quantizer)
        return loaded

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
        self.config.freeze_quantizer = bool(self.base_model.quantizer_is_frozen)
        hub = {name: kwargs.pop(name) for name in HUB_OPTIONS if name in kwargs}
        if push_to_hub and (state_dict is not None or kwargs.keys() - {"max_shard_size", "token"}):
            raise ValueError(
                f"push_to_hub=True uploads the model as it is, but state_dict or {sorted(kwargs)} "
                f"was given; save first, then upload the folder with huggingface_hub."
            )

        def save(folder: Path) -> None:
            super(VQDNAPreTrainedModel, self).save_pretrained(
                folder, is_main_process=is_main_process, state_dict=state_dict, **kwargs
            )

        if not is_main_process:
            save(Path(save_directory))
            return
        if self.config.model_type == VQDNAConfig.model_type:  # a subclass has its own
            self.config.auto_map = dict(AUTO_MAP)
        code = code_files(str(Path(__file__).with_name("modeling_vqdna.py")))
        save_complete(save, save_directory, code)
        if push_to_hub:
            repo_id = hub.pop("repo_id", Path(save_directory).resolve().name)
            self.push_to_hub(repo_id, **hub, **kwargs)


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
    "AutoConfig": "configuration_vqdna.VQDNAConfig",
    "AutoModel": "modeling_vqdna.VQDNAModel",
    "AutoModelForMaskedLM": "modeling_vqdna.VQDNAForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_vqdna.VQDNAForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_vqdna.VQDNAForTokenClassification",
}
