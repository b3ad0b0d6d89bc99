"""`import hf_genomics`: lazy, silent, offline, and known to the Auto classes from then on."""

import ast
import inspect
import pickle

import pytest
from transformers import AutoModel, AutoTokenizer

import hf_genomics
from hf_genomics.models import FAMILIES

# Any use of the network raises, before it reaches the wire.
NO_NETWORK = """
import sys
def forbid(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request"):
        raise RuntimeError(f"the network is touched: {event} {arguments}")
sys.addaudithook(forbid)
"""

EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES = """
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING

config = AutoConfig.for_model("hyperbolic_cnn", num_channels=4, embedding_dim=8, max_length=12)
assert type(config) is hf_genomics.HyperbolicCNNConfig
assert type(AutoModel.from_config(config)) is hf_genomics.HyperbolicCNNModel
classifier = AutoModelForSequenceClassification.from_config(config)
assert type(classifier) is hf_genomics.HyperbolicCNNForSequenceClassification
assert TOKENIZER_MAPPING[type(config)] is hf_genomics.DNATokenizer
print("every class is ours")
"""


def test_import_is_lazy_and_silent(run_python):
    printed = run_python(
        "import sys, hf_genomics\n"
        "heavy = {'torch', 'transformers', 'numpy', 'geoopt', 'datasets', 'sklearn'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    assert printed == ""


def test_listing_the_names_imports_nothing(run_python):
    printed = run_python(
        "import sys, hf_genomics\n"
        "assert set(hf_genomics.__all__) <= set(dir(hf_genomics))\n"
        "assert hf_genomics.__version__\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert printed == ""


def test_import_and_every_auto_class_stay_off_the_network(run_python):
    code = f"{NO_NETWORK}\nimport hf_genomics\n{EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES}"
    assert run_python(code) == "every class is ours\n"


def test_the_network_guard_of_this_file_works(run_python):
    code = (
        f"{NO_NETWORK}\nimport socket\n"
        "try: socket.create_connection(('localhost', 9), timeout=1)\n"
        "except RuntimeError as error: print(error)\n"
    )
    assert "the network is touched" in run_python(code)


@pytest.mark.parametrize(
    "before",
    [
        "from transformers import AutoConfig",
        "from transformers import pipeline",  # brings every Auto class
    ],
)
def test_families_are_registered_whatever_was_imported_before(run_python, before):
    code = f"{before}\nimport hf_genomics\n{EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES}"
    assert run_python(code) == "every class is ours\n"


@pytest.mark.parametrize(
    "after",
    [
        # Each of these imports the Auto classes while it is itself half imported.
        "from transformers.modeling_layers import GradientCheckpointingLayer",
        "from transformers import pipeline",
        "from hf_genomics.models.hyperbolic_cnn.modeling_hyperbolic_cnn import HyperbolicCNNModel",
    ],
)
def test_families_are_registered_whatever_is_imported_after(run_python, after):
    code = f"import hf_genomics\n{after}\n{EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES}"
    assert run_python(code) == "every class is ours\n"


def test_auto_classes_load_no_model_file_before_it_is_looked_up(run_python):
    printed = run_python(
        "import sys, hf_genomics\n"
        "from transformers import AutoModel, AutoTokenizer, pipeline\n"
        "assert 'geoopt' not in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith('hf_genomics')\n"
        "            and '.modeling_' in name]\n"
    )
    assert printed == ""


def test_importing_twice_registers_once(run_python):
    code = (
        "import importlib, hf_genomics\nimportlib.reload(hf_genomics)\nimport hf_genomics\n"
        f"{EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES}\n"
        "importlib.reload(hf_genomics)\n"
        f"{EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES}"
    )
    assert run_python(code) == "every class is ours\n" * 2


def test_threads_can_import_at_once(run_python):
    printed = run_python(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "import hf_genomics\n"
        # Two threads that both import transformers for the first time fail without us, too.
        "import transformers\n"
        "barrier = Barrier(4)\n"
        "def touch(name):\n"
        "    barrier.wait()\n"
        "    if name.startswith('Auto'):\n"
        "        return getattr(transformers, name)\n"
        "    return getattr(hf_genomics, name)\n"
        "names = ['HyperbolicCNNForSequenceClassification', 'DNATokenizer', 'AutoTokenizer',\n"
        "         'AutoModelForSequenceClassification']\n"
        "with ThreadPoolExecutor(4) as threads:\n"
        "    assert [found.__name__ for found in threads.map(touch, names)] == names\n"
        f"{EVERY_AUTO_CLASS_KNOWS_THE_FAMILIES}"
    )
    assert printed == "every class is ours\n"


def test_the_mappings_of_transformers_survive_pickling():
    mapping = pickle.loads(pickle.dumps(AutoModel._model_mapping))
    assert mapping[hf_genomics.HyperbolicCNNConfig] is hf_genomics.HyperbolicCNNModel


def test_auto_tokenizer_takes_the_fast_path_for_a_folder_of_ours(tmp_path):
    hf_genomics.DNATokenizer().save_pretrained(tmp_path)
    hf_genomics.HyperbolicCNNConfig().save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert type(loaded) is hf_genomics.DNATokenizer
    assert loaded("ACGTN")["input_ids"] == [0, 1, 2, 3, 4]


def test_every_public_name_is_importable():
    for name in hf_genomics.__all__:
        assert getattr(hf_genomics, name).__name__ == name


def test_every_public_class_says_what_it_is():
    for name in hf_genomics.__all__:
        assert inspect.getdoc(getattr(hf_genomics, name)), name


def test_type_checkers_see_the_names_that_run_time_sees():
    tree = ast.parse(inspect.getsource(hf_genomics))
    (for_checkers,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.name: statement.module
        for statement in for_checkers.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == hf_genomics._MODULES
    assert sorted(seen) == sorted(hf_genomics.__all__)


def test_every_class_of_every_family_is_public():
    for family in FAMILIES:
        assert family.public_names.keys() <= set(hf_genomics.__all__)


def test_unknown_name_is_named_in_the_error():
    with pytest.raises(AttributeError, match="'hf_genomics' has no attribute 'HyperbolicRNN'"):
        hf_genomics.HyperbolicRNN  # noqa: B018  (the access is what is tested)


def test_unknown_name_cannot_be_imported():
    with pytest.raises(ImportError, match="HyperbolicRNN"):
        from hf_genomics import HyperbolicRNN  # noqa: F401
