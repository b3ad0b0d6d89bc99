"""Registers the families with the Auto classes of Transformers, without importing either.

`from transformers import AutoConfig` imports torch, so registering at import would make
`import hf_genomics` slow. Each Auto class lives in a module of its own; a post import hook on that
module registers ours the moment it is first used, or at once if it already is.
"""

import importlib
from collections import UserDict
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from wrapt import register_post_import_hook

from hf_genomics.models import FAMILIES, Family


@dataclass(frozen=True)
class ClassReference:
    """A class by the name of its module and its own."""

    module: str
    name: str

    def load(self) -> type:
        loaded: type = getattr(importlib.import_module(self.module), self.name)
        return loaded


class DeferredClasses(UserDict[type, Any]):
    """Configuration class to model class, where a `ClassReference` is loaded when it is read.

    The hook on the model Auto classes can run in the middle of another import of Transformers:
    `transformers.modeling_layers` imports `modeling_utils`, which imports the Auto classes. A
    model file imported there would find half a module, so it waits until somebody looks it up.
    """

    def __getitem__(self, key: type) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, ClassReference):
            value = self.data[key] = value.load()
        return value


def register_when_imported() -> None:
    """Register every family with each Auto class as soon as that class is imported."""
    auto = "transformers.models.auto"
    register_post_import_hook(_register_configurations, f"{auto}.configuration_auto")
    register_post_import_hook(_register_models, f"{auto}.modeling_auto")
    register_post_import_hook(_register_tokenizers, f"{auto}.tokenization_auto")


def _register_configurations(configuration_auto: ModuleType) -> None:
    for family in FAMILIES:
        configuration_auto.AutoConfig.register(family.model_type, _config_class(family))


def _register_models(modeling_auto: ModuleType) -> None:
    for family in FAMILIES:
        for auto_class, model_class in family.auto_classes.items():
            mapping = getattr(modeling_auto, auto_class)._model_mapping
            # `AutoModel.register` wants the class itself. The mapping under it takes any value,
            # and keeps those from outside Transformers in this one dictionary.
            if not isinstance(mapping._extra_content, DeferredClasses):
                mapping._extra_content = DeferredClasses(mapping._extra_content)
            reference = ClassReference(family.modeling_module, model_class)
            mapping.register(_config_class(family), reference)


def _register_tokenizers(tokenization_auto: ModuleType) -> None:
    for family in FAMILIES:
        if family.tokenizer is None:
            continue
        tokenizer_class = ClassReference("hf_genomics.tokenization_dna", family.tokenizer).load()
        tokenization_auto.AutoTokenizer.register(
            _config_class(family), tokenizer_class=tokenizer_class
        )
        # Our folders name the generic `PreTrainedTokenizerFast`, so that they load where this
        # package is not installed, and AutoTokenizer believes the folder over what is registered.
        # For a model type in this set it believes the registered class: the same ids, by the
        # fast path.
        tokenization_auto.TOKENIZER_MAPPING_NAMES[family.model_type] = family.tokenizer
        tokenization_auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS.add(family.model_type)


def _config_class(family: Family) -> type:
    return ClassReference(family.configuration_module, family.config).load()
