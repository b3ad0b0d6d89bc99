"""Points of the hyperbolic plane in the Poincare disk, beside its known formulas."""

import sys

import numpy as np
import pytest

from hf_genomics.evaluation.poincare_figure import MARKERS, disk_panels, poincare_disk


def on_hyperboloid(space, k):
    space = np.asarray(space, float)
    return np.concatenate([np.sqrt(k + np.square(space).sum(1, keepdims=True)), space], axis=1)


def random_points(k, n=40, seed=0):
    return on_hyperboloid(np.random.default_rng(seed).normal(size=(n, 2)) * 2, k)


@pytest.mark.parametrize("k", [0.3, 1.0, 4.0])
def test_a_distance_from_the_origin_is_a_radius(k):
    distance = np.array([0.0, 0.5, 3.0])  # in units of sqrt(k)
    direction = np.array([0.6, -0.8])
    points = on_hyperboloid(np.sqrt(k) * np.sinh(distance)[:, None] * direction, k)
    np.testing.assert_allclose(poincare_disk(points, k), np.tanh(distance / 2)[:, None] * direction)


@pytest.mark.parametrize("k", [0.3, 1.0, 4.0])
def test_distances_in_the_disk_are_those_of_the_hyperboloid(k):
    points = random_points(k)
    disk = poincare_disk(points, k)
    inner = points[:, 1:] @ points[:, 1:].T - np.outer(points[:, 0], points[:, 0])
    chord = np.square(disk[:, None] - disk[None]).sum(2)
    room = 1 - np.square(disk).sum(1)
    np.testing.assert_allclose(1 + 2 * chord / np.outer(room, room), -inner / k, rtol=1e-9)


def test_far_points_in_float32_stay_inside():
    points = on_hyperboloid([[3e4, 0.0]], 1.0).astype(np.float32)
    assert 0.999 < np.linalg.norm(poincare_disk(points, 1.0)) < 1


@pytest.mark.parametrize(
    ("points", "k", "words"),
    [
        ([[2.0, 1.0, 1.0]], 1.0, "off the hyperboloid of k = 1"),
        ([[1.0, 0.0, 0.0]], 0.0, "k is 0.0; the curvature parameter must be above 0"),
        ([1.0, 0.0, 0.0], 1.0, r"points must be \(n, d \+ 1\)"),
    ],
    ids=["off", "flat", "one"],
)
def test_what_is_no_point_is_refused(points, k, words):
    with pytest.raises(ValueError, match=words):
        poincare_disk(points, k)


def test_every_class_of_every_panel_is_drawn():
    classes = np.arange(40) % 10  # more than there are colours
    panels = {
        "one": (random_points(1.0), classes, 1.0),
        "two": (random_points(2.0), classes % 2, 2.0),
    }
    first, second = disk_panels(panels).axes
    assert [axes.get_title() for axes in (first, second)] == ["one", "two"]
    assert [line.get_label() for line in first.lines] == [str(number) for number in range(10)]
    assert [line.get_marker() for line in first.lines] == [MARKERS[0]] * 8 + [MARKERS[1]] * 2
    assert len({(line.get_color(), line.get_marker()) for line in first.lines}) == 10
    drawn = np.concatenate([line.get_xydata() for line in first.lines])
    expected = poincare_disk(random_points(1.0), 1.0)
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))
    assert len(second.lines) == 2


def test_points_of_more_dimensions_are_refused():
    points = on_hyperboloid(np.ones((4, 3)), 1.0)
    with pytest.raises(ValueError, match="points in 3 dimensions; a disk shows 2"):
        disk_panels({"one": (points, np.zeros(4), 1.0)})


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        disk_panels({})


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"hf_genomics\[plots\]"):
        disk_panels({"one": (random_points(1.0), np.zeros(40), 1.0)})
