"""Pictures of embedded genomes: what is near stays near, whichever method is there."""

import sys
import types

import numpy as np
import pytest

from hf_genomics.evaluation.lineage_figure import lineage_panels, two_dimensions


def clusters(sizes: tuple[int, ...] = (20, 20), scale: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = np.repeat(np.eye(6)[: len(sizes)], sizes, axis=0)
    return 1 + scale * (centres + 0.05 * generator.normal(size=centres.shape))


@pytest.fixture
def without_umap(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_clusters_stay_together(without_umap, scale):
    points, method = two_dimensions(clusters(scale=scale))
    assert (points.shape, method) == ((40, 2), "t-SNE")
    first, second = points[:20], points[20:]
    between = np.linalg.norm(first.mean(0) - second.mean(0))
    assert between > 2 * max(first.std(), second.std())


def test_a_seed_gives_the_same_picture(without_umap):
    first, second = (two_dimensions(clusters(), seed=3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_few_genomes_are_drawn(without_umap):
    assert two_dimensions(np.eye(3))[0].shape == (3, 2)
    with pytest.raises(ValueError, match="three genomes or more, got 2"):
        two_dimensions(np.eye(2))


def test_umap_is_taken_where_it_is_installed(monkeypatch):
    asked = {}

    class Umap:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, vectors):
            return vectors[:, :2]

    module = types.ModuleType("umap")
    module.UMAP = Umap
    monkeypatch.setitem(sys.modules, "umap", module)
    points, method = two_dimensions(clusters(), seed=4)
    assert (points.shape, method) == ((40, 2), "UMAP")
    assert (asked["n_neighbors"], asked["metric"], asked["random_state"]) == (15, "cosine", 4)


def test_panels_have_all_lineages_and_one_legend():
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra `plots`")
    labels = np.array(["Beta", "none", "Alpha", "Beta"])
    points = np.arange(8.0).reshape(4, 2)
    figure = lineage_panels({"coarse": points, "fine": -points, "both": points}, labels)
    titles = [axes.get_title() for axes in figure.axes if axes.axison]
    assert titles == ["coarse", "fine", "both"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["none", "Alpha", "Beta"]
    drawn = {part.get_label(): part.get_offsets().data for part in figure.axes[1].collections}
    np.testing.assert_array_equal(drawn["Beta"], -points[[0, 3]])
