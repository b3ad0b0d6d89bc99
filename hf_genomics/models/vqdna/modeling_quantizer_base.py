"""What every VQDNA quantizer shares: initialisation, loading and saving."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from .configuration_vqdna_quantizer import VQDNAQuantizerConfig
from .remote_code import code_files, save_complete


class VQDNAQuantizerPreTrainedModel(PreTrainedModel):
    """Initialisation, loading and saving of the quantizer."""

    config: VQDNAQuantizerConfig
    config_class = VQDNAQuantizerConfig
    base_model_prefix = "quantizer_model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _no_split_modules = ["VQDNAQuantizerBlock"]
    # Codebooks are float32 whatever the model is. They are named one by one: a pattern that also
    # met the integer counters beside them would make floats of those.
    _keep_in_fp32_modules_strict = [
        r"codebooks.\d+.embed",
        r"codebooks.\d+.ema_count",
        r"codebooks.\d+.ema_sum",
    ]
    # Trainer must divide the loss by the accumulation steps: it is a mean over the batch
    accepts_loss_kwargs = False

    def _init_weights(self, module: nn.Module) -> None:
        """Draws weights as ConvNeXt does; codebooks draw their own.

        Each tensor is set through `transformers.initialization`, which leaves alone what a
        checkpoint has given, so that only a level that it lacks is made anew.
        """
        if isinstance(module, nn.Linear | nn.Conv1d | nn.ConvTranspose1d):
            init.trunc_normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif hasattr(module, "initial_buffers"):  # a codebook
            # vectors made anew have made no step and have no use, whatever the checkpoint counts
            is_new = not getattr(module.embed, "_is_hf_initialized", False)
            for name, values in module.initial_buffers().items():
                buffer = getattr(module, name)
                if is_new:
                    buffer._is_hf_initialized = False
                init.copy_(buffer, values)
        elif isinstance(module, VQDNAQuantizerPreTrainedModel):
            init.zeros_(module.training_steps)
            if module.dropped_code is not None:
                init.normal_(module.dropped_code, std=self.config.initializer_range)

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
            "token ids, which are all read as nothing, set config.vocab_size."
        )

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Loads a folder or a Hub repository; see the base class for the options.

        Raises:
            ValueError: the folder holds a language model with a head, not a quantizer.
        """
        info_wanted = kwargs.pop("output_loading_info", False)
        loaded: Any = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        model, info = loaded
        if any(".quantizer_model." in name for name in info["unexpected_keys"]):
            # its configuration has ours inside, but none of its weights has the name of one of ours
            raise ValueError(
                f"{args[0] if args else 'the folder'} holds a language model, not a quantizer; "
                f"the quantizer in it is VQDNAModel.from_pretrained(...).quantizer_model."
            )
        if model.config.codebook_frozen:  # loading makes every parameter trainable again
            model.freeze_codebook()
        return (model, info) if info_wanted else model

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
            super(VQDNAQuantizerPreTrainedModel, self).save_pretrained(
                folder, is_main_process=is_main_process, state_dict=state_dict, **kwargs
            )

        if not is_main_process:
            save(Path(save_directory))
            return
        if self.config.model_type == VQDNAQuantizerConfig.model_type:  # a subclass has its own
            self.config.auto_map = dict(AUTO_MAP)
        code = code_files(str(Path(__file__).with_name("modeling_vqdna_quantizer.py")))
        save_complete(save, save_directory, code)
        if push_to_hub:
            repo_id = hub.pop("repo_id", Path(save_directory).resolve().name)
            self.push_to_hub(repo_id, **hub, **kwargs)


def check_token_ids(input_ids: Any) -> None:
    """Raises a `ValueError` for all that is no tensor `(B, L)` of integers with positions."""
    remedy = "tokenize strings with DNATokenizer and pass its batch as model(**batch)."
    if not isinstance(input_ids, Tensor):
        got = "nothing" if input_ids is None else f"a {type(input_ids).__name__}"
        raise ValueError(f"input_ids must be token ids of shape (B, L), got {got}; {remedy}")
    if input_ids.dim() != 2:
        shape = tuple(input_ids.shape)
        raise ValueError(f"input_ids must be token ids of shape (B, L), got {shape}; {remedy}")
    if input_ids.is_floating_point() or input_ids.is_complex() or input_ids.dtype == torch.bool:
        raise ValueError(f"input_ids must be integers, got {input_ids.dtype}; {remedy}")
    if input_ids.shape[1] == 0:
        raise ValueError("input_ids have no positions; leave empty sequences out.")


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
    "AutoConfig": "configuration_vqdna_quantizer.VQDNAQuantizerConfig",
    "AutoModel": "modeling_vqdna_quantizer.VQDNAQuantizerModel",
    "AutoModelForPreTraining": "modeling_vqdna_quantizer.VQDNAQuantizerModel",
}
