"""Weights of a model that came from its files, and none that were drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError


def drawn_at_random(loading: Mapping[str, Any]) -> list[str]:
    """Which weights a checkpoint had none for, or of another shape; Transformers draws those.

    Args:
        loading: What `from_pretrained` gives with `output_loading_info=True`, called with
            `ignore_mismatched_sizes=True`.
    """
    return [f"{key} is missing" for key in sorted(loading["missing_keys"])] + [
        f"{key} has the shape {tuple(found)} where its configuration needs {tuple(needed)}"
        for key, found, needed in sorted(loading["mismatched_keys"])
    ]


def require_all_weights(loading: Mapping[str, Any], name: str) -> None:
    """Raises ValueError if a loaded model has weights that its checkpoint had none for.

    Args:
        loading: As for `drawn_at_random`.
        name: Of the model.
    """
    random = drawn_at_random(loading)
    if random:
        raise ValueError(
            f"{name} lacks {len(random)} of the weights that are needed here: {random[0]}, and "
            "would be random. Give a model that was trained and saved with this head and "
            "configuration."
        )


def load_whole(auto: Any, name: str, **options: Any) -> Any:
    """The model of a folder or of the Hub, none of whose weights are random.

    Args:
        auto: Class with `from_pretrained`: an Auto class, or the model's own.
        name: Folder, or id on the Hub.
        options: For `from_pretrained`.

    Raises:
        ValueError: Weights cannot be read, are missing, or have another shape than the
            configuration says.
        OSError: There is no such model.
    """
    with naming_weights(name):
        model, loading = auto.from_pretrained(
            name,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, in one sentence
            **options,
        )
    require_all_weights(loading, name)
    return model


@contextmanager
def naming_weights(name: str) -> Iterator[None]:
    """Says whose weights cannot be read, which safetensors does not.

    Raises:
        ValueError: in place of its error.
    """
    try:
        yield
    except SafetensorError as error:
        raise ValueError(
            f"The weights of {name} cannot be read ({error}); copy or download them again."
        ) from error
