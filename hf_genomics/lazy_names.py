"""Public names of a package that are imported when they are first touched (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` of a package whose names live in other modules.

    Args:
        package: Name of the package, its `__name__`.
        modules: Public name to the module that defines it.

    Returns:
        The two functions. `__getattr__` raises AttributeError, naming what was asked for, for a
        name that is not in `modules`.
    """

    def __getattr__(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(modules[name]), name)
        # Kept on the package, so that the next access does not come here again.
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return __getattr__, __dir__
