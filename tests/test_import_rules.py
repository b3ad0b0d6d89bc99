"""Arrows point down only, and a model folder imports no more than the Hub can copy.

cli, upload.py, examples -> hub, training, evaluation, benchmarks -> data -> models -> maths files.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.dynamic_module_utils import get_relative_import_files, get_relative_imports

import hf_genomics

PACKAGE = Path(hf_genomics.__file__).parent
REPOSITORY = PACKAGE.parent

# Room of the package to the rooms under it, which it may import besides itself.
MODEL_SIDE = {"models", "tokenization_dna"}
ROOMS = {
    "lazy_names": set[str](),
    "models": {"lazy_names"},
    "tokenization_dna": set[str](),
    "registration": MODEL_SIDE,
    "__init__": MODEL_SIDE | {"lazy_names", "registration"},
    "data": MODEL_SIDE,
    "benchmarks": MODEL_SIDE | {"data"},
    "evaluation": MODEL_SIDE | {"data"},
    "training": MODEL_SIDE | {"data", "evaluation"},
    "hub": MODEL_SIDE | {"data", "evaluation"},
    "plots": MODEL_SIDE | {"data", "evaluation"},
    "cli": MODEL_SIDE | {"data", "benchmarks", "evaluation", "training", "hub", "plots"},
}
# The rim: scripts beside the package, which nothing imports.
RIM = ("examples", "benches", "tests", "upload")

# Files of a model folder by the start of their name, the first that fits, to what they may import
# besides the standard library and `from .sibling import name`. Everything that is not about
# transformers is maths: tensors in, tensors out.
MODEL_FILES = {
    "configuration_": {"transformers", "huggingface_hub.dataclasses", "huggingface_hub.errors"},
    "modeling_": {"torch", "transformers", "huggingface_hub.dataclasses", "safetensors"},
    "convert_": {"torch", "transformers", "huggingface_hub.dataclasses", "safetensors"},
    "remote_code": {"transformers", "huggingface_hub.dataclasses"},
    "": {"torch"},
}
GEOMETRY_LIBRARY = {"hyperbolic_cnn": {"geoopt"}}


@dataclass(frozen=True)
class Import:
    """One imported name: `from <dots><module> import <name>`, or `import <module>`."""

    module: str
    name: str | None
    level: int
    line: int


def imports(source: str, *, type_checking: bool) -> Iterator[Import]:
    """Every import of a file, in functions too; those under TYPE_CHECKING only if asked for."""
    todo: list[ast.AST] = [ast.parse(source)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, 0, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.module or "", alias.name, node.level, node.lineno)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            todo += [*(node.body if type_checking else ()), *node.orelse]
        else:
            todo += ast.iter_child_nodes(node)


def is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def broken_rules(path: Path, source: str) -> list[str]:
    """The imports of one file of the package that break a rule, in words.

    Args:
        path: Where the file lies, relative to the package.
        source: Its content.
    """
    broken = []
    in_family = len(path.parts) == 3 and path.parts[0] == "models" and path.stem != "__init__"
    for found in imports(source, type_checking=in_family):
        why = model_file_rule(path, found) if in_family else room_rule(path, found)
        if why:
            broken.append(f"hf_genomics/{path}:{found.line}: {why}")
    return broken


def model_file_rule(path: Path, found: Import) -> str | None:
    """Why a file of a model folder may not import this, or None."""
    if found.level:
        sibling = PACKAGE / path.parent / f"{found.module}.py"
        if found.level == 1 and found.module and "." not in found.module and found.name != "*":
            return None if sibling.exists() else f"no file {sibling.name} lies beside it"
        return "only `from .sibling import name` is copied to the Hub"
    prefix = next(start for start in MODEL_FILES if path.stem.startswith(start))
    allowed = MODEL_FILES[prefix] | GEOMETRY_LIBRARY.get(path.parts[1], set())
    if is_standard(found.module) or any(
        found.module == module or found.module.startswith(f"{module}.") for module in allowed
    ):
        return None
    return f"{found.module} is not one of {sorted(allowed)}, the standard library or a sibling"


def reads_for_training(stem: str) -> bool:
    return "collator" in stem or stem == "epochs"


def room_rule(path: Path, found: Import) -> str | None:
    """Why a file outside the model folders may not import this, or None."""
    room = path.with_suffix("").parts[0]
    module = absolute_module(path, found)
    top, _, rest = module.partition(".")
    if top in RIM:
        return f"nothing imports {top}"
    if room == "data" and not reads_for_training(path.stem) and top == "torch":
        return "data can be built without torch; only what training reads by has tensors"
    if top != "hf_genomics":
        return None
    # `from hf_genomics import X` means the module that X lives in.
    if not rest and found.name:
        rest = hf_genomics._MODULES.get(found.name, f"hf_genomics.{found.name}").partition(".")[2]
    target = rest.partition(".")[0] or "__init__"
    if target == room or target in ROOMS[room]:
        return None
    return f"{room} may import {sorted(ROOMS[room])}, not {target}"


def absolute_module(path: Path, found: Import) -> str:
    if not found.level:
        return found.module
    package = ("hf_genomics", *path.parts[:-1])
    base = package[: len(package) - found.level + 1]
    return ".".join([*base, *filter(None, [found.module])])


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_arrows_point_down(path):
    assert broken_rules(path.relative_to(PACKAGE), path.read_text(encoding="utf-8")) == []


def test_every_room_has_its_rule():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__"} <= ROOMS.keys()


def test_rooms_are_ordered():
    """No room can be reached from a room that it imports."""
    below = {room: set(direct) for room, direct in ROOMS.items()}
    for _ in ROOMS:
        below = {
            room: direct.union(*(below[under] for under in direct))
            for room, direct in below.items()
        }
    assert not [room for room, reached in below.items() if room in reached]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("models/*/lorentz.py")), ids=str)
def test_geometry_is_readable_without_its_siblings(path):
    found = imports(path.read_text(encoding="utf-8"), type_checking=True)
    assert not [one for one in found if one.level]


def files_the_hub_starts_from() -> set[Path]:
    """Those of the classes that `auto_map` of a saved folder can name."""
    public = [getattr(hf_genomics, name) for name in hf_genomics.__all__]
    classes = [x for x in public if isinstance(x, type)]
    saved = [x for x in classes if issubclass(x, PreTrainedModel | PreTrainedConfig)]
    return {Path(inspect.getfile(x)) for x in saved}


@pytest.mark.parametrize("path", sorted(files_the_hub_starts_from()), ids=lambda path: path.stem)
def test_a_file_that_the_hub_starts_from_names_all_that_it_needs(path):
    """Transformers before 5.8 copies no file of a local folder that only another one names.

    Our range begins later, but a folder is loaded without our package too.
    """
    needed = {Path(file).stem for file in get_relative_import_files(path)}
    assert set(get_relative_imports(path)) == needed


FAMILY_FILE = "models/hyperbolic_cnn/modeling_hyperbolic_cnn.py"


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        (FAMILY_FILE, "from ..lorentz import dist", "only `from .sibling import name`"),
        (FAMILY_FILE, "from . import lorentz", "only `from .sibling import name`"),
        (FAMILY_FILE, "from .ops.lorentz import dist", "only `from .sibling import name`"),
        (FAMILY_FILE, "from .lorentz import *", "only `from .sibling import name`"),
        (FAMILY_FILE, "from .no_such_file import dist", "no file no_such_file.py"),
        (FAMILY_FILE, "import hf_genomics.data", "hf_genomics.data is not one of"),
        (FAMILY_FILE, "from huggingface_hub import HfApi", "huggingface_hub is not one of"),
        (FAMILY_FILE, "def f():\n  import einops", "einops is not one of"),
        (FAMILY_FILE, "if TYPE_CHECKING:\n  import datasets", "datasets is not one of"),
        ("models/phylogpn/modeling_phylogpn.py", "import geoopt", "geoopt is not one of"),
        ("models/hyperbolic_cnn/lorentz.py", "import transformers", "transformers is not one of"),
        ("models/hyperbolic_cnn/lorentz.py", "import numpy", "numpy is not one of"),
        ("models/hyperbolic_cnn/configuration_hyperbolic_cnn.py", "import torch", "torch is not"),
        ("data/fasta.py", "import torch", "only what training reads by has tensors"),
        ("data/fasta.py", "from hf_genomics.training import trainer", "not training"),
        ("data/fasta.py", "from ..evaluation.metrics import Accuracy", "not evaluation"),
        ("evaluation/metrics.py", "from hf_genomics.training.trainer import T", "not training"),
        ("training/trainer.py", "from hf_genomics import cli", "not cli"),
        ("training/trainer.py", "import examples.finetune", "nothing imports examples"),
        ("tokenization_dna.py", "from hf_genomics import HyperbolicCNNModel", "not models"),
        ("hub/cards.py", "from tests.conftest import seed", "nothing imports tests"),
    ],
)
def test_bad_import_is_caught(path, source, reason):
    (broken,) = broken_rules(Path(path), source)
    assert reason in broken
    assert broken.startswith(f"hf_genomics/{path}:")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (FAMILY_FILE, "from .lorentz import (\n  dist,\n)\nimport math, torch.nn, geoopt"),
        (FAMILY_FILE, "from transformers.modeling_outputs import BaseModelOutput"),
        ("data/collators.py", "import torch"),
        ("data/fasta.py", "if TYPE_CHECKING:\n  from hf_genomics.training import trainer"),
        ("training/trainer.py", "from hf_genomics import HyperbolicCNNModel"),
        ("training/trainer.py", "from .recipes import PAPER"),
        ("training/trainer.py", "from hf_genomics.evaluation.metrics import Accuracy"),
        ("cli.py", "from hf_genomics.benchmarks import simulator"),
    ],
)
def test_good_import_passes(path, source):
    assert broken_rules(Path(path), source) == []
