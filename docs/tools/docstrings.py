"""Extension of Griffe: how the docstrings of this repository differ from what Griffe expects.

It reads the code without running it, so it does not know that Transformers makes a dataclass of
each configuration; the Transformers way to write a link and an example means something else to it.
"""

import re
from typing import Any

import griffe

LINK = re.compile(r"\[(`[\w.]+`)\]")  # [`Name`]
EXAMPLE = re.compile(r"^( *)Example:$", re.MULTILINE)  # `Examples:` is a section of code to Griffe


class Docstrings(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(r"\1Examples:", LINK.sub(r"\1", obj.docstring.value))

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        if any(str(base).endswith("PreTrainedConfig") for base in cls.bases):
            add_init(cls)


def add_init(config: griffe.Class) -> None:
    """Gives a configuration the `__init__` of its annotated fields, all by keyword."""
    fields = [
        griffe.Parameter(
            name,
            annotation=member.annotation,
            kind=griffe.ParameterKind.keyword_only,
            default=member.value,
        )
        for name, member in config.members.items()
        if isinstance(member, griffe.Attribute)
        and member.annotation is not None
        and "property" not in member.labels
    ]
    itself = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    init = griffe.Function("__init__", parameters=griffe.Parameters(itself, *fields))
    config.set_member("__init__", init)
