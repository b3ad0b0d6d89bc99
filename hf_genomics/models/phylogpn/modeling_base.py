"""What the PhyloGPN models share: initialisation, loading and saving, in either format."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.utils import cached_file

from .configuration_phylogpn import PhyloGPNConfig
from .original_format import GENERATIONS, from_original, generation, to_original
from .remote_code import code_files, save_complete
from .reverse_complement import split_bias, split_embedding, split_weight
from .symmetric_layers import HalfConv1d, SymmetricEmbedding, SymmetricNorm

logger = logging.getLogger(__name__)


class PhyloGPNPreTrainedModel(PreTrainedModel):
    """Initialisation, loading and saving, in our format and in the original's."""

    config: PhyloGPNConfig
    config_class = PhyloGPNConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _no_split_modules = ["PhyloGPNBlock"]
    _has_rate_head = True
    _is_base_model = False

    def _init_weights(self, module: nn.Module) -> None:
        """With the variances of the original: PyTorch's default for V, made symmetric (half of it).

        Each tensor is drawn by itself, so that it can be drawn alone where a checkpoint lacks it.
        """
        if isinstance(module, HalfConv1d):
            like, shape = module.weight, module.whole_shape
            bound = (shape[1] * shape[2]) ** -0.5
            draw = torch.empty(shape, dtype=like.dtype, device=like.device)
            init.copy_(module.weight, split_weight(draw.uniform_(-bound, bound))[0])
            if module.bias is not None:
                draw = torch.empty(shape[0], dtype=like.dtype, device=like.device)
                init.copy_(module.bias, split_bias(draw.uniform_(-bound, bound)))
        elif isinstance(module, SymmetricNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, SymmetricEmbedding):
            like = module.bases
            draw = torch.empty(6, like.shape[1], dtype=like.dtype, device=like.device)
            bases, unknown = split_embedding(draw.normal_())
            init.copy_(module.bases, bases)
            init.copy_(module.unknown, unknown)
        elif isinstance(module, nn.Linear):  # a classifier
            bound = module.in_features**-0.5
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.zeros_(module.bias)

    def get_input_embeddings(self) -> None:
        """The embedding is made of its free parts: there is no table to return or train."""
        return

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> None:
        """Not possible: bases are embedded with their partners on the other strand.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "the embeddings of A, C, G, T and N are tied by strand, so there is no table to "
            "resize; for more token ids, which are all zero, set config.vocab_size."
        )

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path | None,
        *model_args: Any,
        config: PhyloGPNConfig | str | Path | None = None,
        **kwargs: Any,
    ) -> Any:
        """Loads a folder or a Hub repository; see the base class for the options.

        A folder of songlab's (their `config.json` and `model.safetensors`, of either generation)
        is read too, and which generation it is of is logged.
        """
        state = None
        if pretrained_model_name_or_path is not None and kwargs.get("state_dict") is None:
            state = read_original(pretrained_model_name_or_path, kwargs)
        if state is None:
            return super().from_pretrained(
                pretrained_model_name_or_path, *model_args, config=config, **kwargs
            )
        hub = {name: kwargs.pop(name) for name in DOWNLOAD_OPTIONS if name in kwargs}
        for name in ("variant", "use_safetensors"):
            kwargs.pop(name, None)
        if isinstance(config, PhyloGPNConfig):
            config = PhyloGPNConfig.from_dict(config.to_dict())
        else:
            config, kwargs = PhyloGPNConfig.from_pretrained(
                config or pretrained_model_name_or_path, return_unused_kwargs=True, **hub, **kwargs
            )
        ours = adopt(state, config)
        logger.warning(
            "%s holds weights of %s; they are converted while loading.",
            pretrained_model_name_or_path,
            GENERATIONS[config.norm],
        )
        if not cls._has_rate_head:
            ours = {name: tensor for name, tensor in ours.items() if "rate_head" not in name}
        if not cls._is_base_model:
            ours = {f"{cls.base_model_prefix}.{name}": tensor for name, tensor in ours.items()}
        loaded = super().from_pretrained(
            None, *model_args, config=config, state_dict=ours, **kwargs
        )
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.name_or_path = model.config._name_or_path = str(pretrained_model_name_or_path)
        return loaded

    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: dict[str, Tensor] | None = None,
        push_to_hub: bool = False,
        original_format: bool = False,
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
            original_format: write `config.json` and `model.safetensors` as songlab's code reads
                them, without code: the names of the generation with the model's norm, and whole
                tensors, which take twice the room. It has no place for the tree, the options of
                the loss and `token_padding`, which are given again when it is loaded (their code
                leaves padding to its caller); other options that change outputs are refused.
            kwargs: further options of the base class, such as `max_shard_size`.

        Raises:
            ValueError: `save_directory` is a file, an option of saving was given that an upload
                cannot follow, or the original format cannot hold the model.
        """
        if original_format:
            if push_to_hub or kwargs:
                raise ValueError(
                    f"original_format=True writes two files and has no further options, but "
                    f"push_to_hub or {sorted(kwargs)} was given; save, then upload the folder."
                )
            if is_main_process:
                self._save_original(Path(save_directory), state_dict or self.state_dict())
            return
        hub = {name: kwargs.pop(name) for name in HUB_OPTIONS if name in kwargs}
        if push_to_hub and (state_dict is not None or kwargs.keys() - {"max_shard_size", "token"}):
            raise ValueError(
                f"push_to_hub=True uploads the model as it is, but state_dict or {sorted(kwargs)} "
                f"was given; save first, then upload the folder with huggingface_hub."
            )

        def save(folder: Path) -> None:
            super(PhyloGPNPreTrainedModel, self).save_pretrained(
                folder, is_main_process=is_main_process, state_dict=state_dict, **kwargs
            )

        if not is_main_process:
            save(Path(save_directory))
            return
        if self.config.model_type == PhyloGPNConfig.model_type:  # a subclass has its own
            self.config.auto_map = dict(AUTO_MAP)
            if not self._has_rate_head:
                # its weights have no head for rates, which the others would start at random
                for auto in ("AutoModel", "AutoModelForMaskedLM"):
                    del self.config.auto_map[auto]
        save_complete(
            save, save_directory, code_files(str(Path(__file__).with_name("modeling_phylogpn.py")))
        )
        if push_to_hub:
            repo_id = hub.pop("repo_id", Path(save_directory).resolve().name)
            self.push_to_hub(repo_id, **hub, **kwargs)

    def _save_original(self, save_directory: Path, state_dict: dict[str, Tensor]) -> None:
        if not self._has_rate_head:
            raise ValueError(
                f"the original format has no place for a {type(self).__name__}; save a "
                f"PhyloGPNForMaskedLM or PhyloGPNModel in it."
            )
        for field, implied in ORIGINAL_OPTIONS.items():
            value = getattr(self.config, field)
            if value != implied:
                raise ValueError(
                    f"the original format has no place for {field}={value!r}: what reads it takes "
                    f"{implied!r}, and may give other outputs; save without original_format."
                )
        state = {name.removeprefix("model."): tensor for name, tensor in state_dict.items()}
        theirs = to_original(
            state,
            norm=self.config.norm,
            num_blocks=self.config.num_hidden_layers,
            kernel_size=self.config.kernel_size,
        )
        fields = {name: getattr(self.config, name) for name in ORIGINAL_FIELDS}
        dtype = str(theirs["_model.embedding.parametrizations.weight.original"].dtype)
        fields |= {
            "architectures": ["PhyloGPNModel"],
            "model_type": self.config.model_type,
            "torch_dtype": dtype.removeprefix("torch."),
        }

        def save(folder: Path) -> None:
            (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n", "utf-8")
            save_file(theirs, folder / "model.safetensors", metadata={"format": "pt"})

        save_complete(save, save_directory, [])


def read_original(source: str | Path, options: dict[str, Any]) -> dict[str, Tensor] | None:
    """The original state dict of a folder or Hub repository; `None` if it holds none.

    Args:
        source: the folder, or the name of the repository.
        options: what `from_pretrained` was given besides.
    """
    variant = options.get("variant")
    file = cached_file(
        str(source),
        "model.safetensors" if variant is None else f"model.{variant}.safetensors",
        **{name: options[name] for name in DOWNLOAD_OPTIONS if name in options},
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if file is None:
        return None
    with safe_open(file, framework="pt") as weights:
        if generation(weights.keys()) is None:
            return None
        return {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118


def adopt(state: dict[str, Tensor], config: PhyloGPNConfig) -> dict[str, Tensor]:
    """Our state dict of a base model from an original one; the config's norm is set to fit."""
    ours, norm, tied = from_original(state, num_blocks=config.num_hidden_layers)
    config.norm, config.tie_norm_symmetry = norm, tied
    config.architectures = config.auto_map = None
    return ours


# What songlab's code computes with, whatever its configuration says.
ORIGINAL_OPTIONS = {
    "layer_norm_eps": 1e-5,  # PyTorch's default of either norm
    "reverse_complement": None,
}
ORIGINAL_FIELDS = ("outer_dim", "inner_dim", "stack_size", "num_stacks", "kernel_size")
DOWNLOAD_OPTIONS = (
    "cache_dir",
    "force_download",
    "local_files_only",
    "proxies",
    "revision",
    "subfolder",
    "token",
)
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
    "AutoConfig": "configuration_phylogpn.PhyloGPNConfig",
    "AutoModel": "modeling_phylogpn.PhyloGPNModel",
    "AutoModelForMaskedLM": "modeling_phylogpn.PhyloGPNForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_phylogpn.PhyloGPNForSequenceClassification",
}
