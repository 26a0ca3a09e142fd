"""Grids and shortest paths against breadth-first searches that are not ours."""

import collections
import functools
import itertools

import jax
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csgraph

from ws_jax.config import ConfigError
from ws_jax.data import DataError, load
from ws_jax.grids import check_grids, distances, draw_grids, paths_between


def steps(connectivity):
    """The neighbours of a cell, in reading order."""
    around = itertools.product((-1, 0, 1), repeat=2)
    return [s for s in around if s != (0, 0) and (connectivity == 8 or 0 in s)]


def scipys_distances(free, start, connectivity):
    """Distances of one grid by SciPy's search over a graph of its free cells."""
    h, w = free.shape
    pairs = [
        (y * w + x, (y + dy) * w + x + dx)
        for y, x in itertools.product(range(h), range(w))
        for dy, dx in steps(connectivity)
        if 0 <= y + dy < h and 0 <= x + dx < w
        and free[y, x] and free[y + dy, x + dx]
    ]  # fmt: skip
    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), (h * w, h * w))
    first = int(np.argmax(start))
    found = csgraph.shortest_path(graph, unweighted=True, indices=first)
    found = np.where(np.isinf(found), -1, found).astype(int).reshape(h, w)
    return found if free.reshape(-1)[first] else np.full((h, w), -1)


def paths_by_hand(free, start, end):
    """The cells of all shortest paths: each path is walked, from a plain queue."""
    depth, before, queue = {start: 0}, collections.defaultdict(list), [start]
    for cell in queue:
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            near = (cell[0] + dy, cell[1] + dx)
            if near not in free:
                continue
            if near not in depth:
                depth[near] = depth[cell] + 1
                queue.append(near)
            if depth[near] == depth[cell] + 1:
                before[near].append(cell)
    cells, left = set(), [end] if end in depth else []
    while left:
        cells.add(cell := left.pop())
        left += before[cell]
    return cells


@functools.cache
def mapped(connectivity, label="all"):
    """`paths_between` of many grids."""
    one = functools.partial(paths_between, connectivity=connectivity, label=label)
    return jax.jit(jax.vmap(one))


@functools.cache
def some_grids():
    """60 grids of 6x8, of all densities, and two cells on each."""
    random = np.random.RandomState(0)
    free = random.rand(60, 6, 8) >= np.linspace(0, 0.6, 60)[:, None, None]
    ends = np.zeros((2, 60, 48), bool)
    for grid, cells in enumerate(free.reshape(60, -1)):
        chosen = random.choice(np.flatnonzero(cells), 2, replace=False)
        ends[[0, 1], grid, chosen] = True
    return free, *ends.reshape(2, 60, 6, 8)


@pytest.mark.slow
@pytest.mark.parametrize("connectivity", [4, 8])
def test_distances_and_labels_are_scipys(connectivity):
    free, start, end = some_grids()
    one = functools.partial(distances, connectivity=connectivity)
    near = np.asarray(jax.jit(jax.vmap(one))(free, start))
    paths, apart = mapped(connectivity)(free, start, end)
    for grid in range(len(free)):
        want = scipys_distances(free[grid], start[grid], connectivity)
        np.testing.assert_array_equal(near[grid], want)
        back = scipys_distances(free[grid], end[grid], connectivity)
        length = int(want[end[grid]][0])
        assert apart[grid] == length
        on = (want >= 0) & (back >= 0) & (want + back == length)
        np.testing.assert_array_equal(paths[grid], on if length >= 0 else False)
    assert (np.asarray(apart) < 0).any() and (np.asarray(apart) > 5).any()


def test_labels_are_right_on_every_grid_of_3_by_3():
    free = np.array(list(itertools.product((False, True), repeat=9))).reshape(-1, 3, 3)
    for start, end in (((0, 0), (2, 2)), ((0, 1), (1, 2)), ((1, 1), (1, 1))):
        ends = np.zeros((2, *free.shape), bool)
        ends[0, :, *start] = ends[1, :, *end] = True
        got = np.asarray(mapped(4)(free, *ends)[0])
        for grid, label in zip(free, got, strict=True):
            cells = set(zip(*np.nonzero(grid), strict=True))
            want = paths_by_hand(cells, start, end) if start in cells else set()
            assert set(zip(*np.nonzero(label), strict=True)) == want


@pytest.mark.parametrize("connectivity", [4, 8])
def test_one_path_is_a_shortest_path(connectivity):
    free, start, end = some_grids()
    every, apart = mapped(connectivity)(free, start, end)
    ones, again = map(np.asarray, mapped(connectivity, "one")(free, start, end))
    np.testing.assert_array_equal(apart, again)
    assert not (ones & ~np.asarray(every)).any()
    np.testing.assert_array_equal(ones.sum((1, 2)), again + 1)
    for grid in np.flatnonzero(again > 0):  # within the path alone it is as far
        within = scipys_distances(ones[grid], start[grid], connectivity)
        assert within[end[grid]][0] == again[grid]


def test_the_ends_can_change_places():
    free, start, end = some_grids()
    there, back = mapped(4)(free, start, end), mapped(4)(free, end, start)
    np.testing.assert_array_equal(there[0], back[0])
    np.testing.assert_array_equal(there[1], back[1])


@functools.cache
def drawing():
    return jax.jit(
        lambda seed, *asked: draw_grids(jax.random.key(seed), 100, 7, *asked)
    )


def drawn(seed, density=0.2, shortest=3, longest=6):
    """100 grids of 7x7, on the host."""
    bounds = np.float32(density), np.int32(shortest), np.int32(longest)
    return jax.device_get(drawing()(seed, *bounds))


@pytest.mark.slow
def test_drawn_grids_are_as_asked():
    grids = drawn(0)
    assert grids.found.all()
    assert set(grids.distance) == {3, 4, 5, 6}
    assert (grids.ends.sum((1, 2)) == 2).all()
    assert not (grids.path & grids.obstacles).any()
    assert not (grids.ends & ~grids.path).any()
    assert (grids.path.sum((1, 2)) >= grids.distance + 1).all()
    assert abs(grids.obstacles.mean() - 0.2) < 0.02  # few tries failed
    first = np.argmax(grids.ends.reshape(100, -1), axis=1)
    start = (np.arange(49) == first[:, None]).reshape(100, 7, 7)
    paths, apart = mapped(4)(~grids.obstacles, start, grids.ends & ~start)
    np.testing.assert_array_equal(paths, grids.path)
    np.testing.assert_array_equal(apart, grids.distance)


def test_keys_repeat_and_differ_and_ends_are_spread():
    first, again, other = drawn(0), drawn(0), drawn(1)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.obstacles != other.obstacles).any()
    at_all = first.ends.any(axis=0) | other.ends.any(axis=0)
    assert at_all.all()


@pytest.mark.slow
def test_grids_are_drawn_again_until_the_distance_is_as_asked():
    # About one draw in 15 has cells so far apart on grids as open as these.
    grids = drawn(2, density=0.0, shortest=12, longest=12)
    assert grids.found.all() and (grids.distance == 12).all()
    assert grids.path.all()  # from corner to corner every cell is on some path
    lost = drawn(2, density=0.0, shortest=13, longest=13)
    assert not lost.found.any() and (lost.distance <= 12).all()


@pytest.mark.parametrize(
    "asked, words",
    [
        ((8, 0.6, 12, 14), "largest that was reached in 512 draws is"),
        ((8, 0.1, 30, 40), "no two cells at a distance of 30 to 40; the largest"),
        ((1, 0.1, 1, 2), "grids of 1x1 have no two cells"),
        ((1000, 0.1, 1, 2), "1000x1000 are too large; 128 a side is most"),
        ((8, 0.1, 4, 3), "longest distance, 3, is below the shortest, 4"),
        ((8, 0.1, 0, 3), "shortest distance is 0, below 1"),
        ((8, 1.0, 1, 3), r"density 1.0 is not in \[0, 1\)"),
        ((8, 0.1, 1, 3, 6), "connectivity 6 is not 4 or 8"),
        ((8, 0.1, 1, 3, 4, "any"), "unknown label of shortest paths 'any'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(asked, words):
    with pytest.raises(ConfigError, match=words):
        check_grids("far", *asked)


def test_the_largest_distance_of_open_grids_is_named():
    # Corner to corner: 2 (n - 1) steps, or n - 1 with diagonals.
    for connectivity, most in ((4, 10), (8, 5)):
        with pytest.raises(ConfigError, match=f"512 draws is {most}$"):
            check_grids("far", 6, 0.0, 20, 30, connectivity)


@pytest.mark.slow
def test_grids_are_a_data_set():
    found = load("paths:10x7,density=0.2,shortest=3,longest=6")
    assert found.images.shape == (10, 7, 7, 2) and found.num_train == 8
    assert set(np.unique(found.images)) == {0, 255}
    ends, obstacles = found.images[..., 1] > 0, found.images[..., 0] > 0
    assert (ends.sum((1, 2)) == 2).all()
    assert (found.labels[ends] == 1).all() and (found.labels[obstacles] == 0).all()
    with pytest.raises(DataError, match="has no size that can be read"):
        load("paths:10")
    with pytest.raises(DataError, match="did you mean 'density'"):
        load("paths:10x7,densty=0.2")
    with pytest.raises(DataError, match="the largest that was reached"):
        load("paths:10x7,shortest=40,longest=50")


@pytest.mark.parametrize(
    "name, words",
    [
        ("paths:10x7,longest=3000000000", "longest distance is 3000000000, above"),
        ("paths:10x7,seed=3000000000", r"seed 3000000000 is not in \[0, "),
        ("paths:10x7,seed=-1", r"seed -1 is not in \[0, "),
        ("paths:10x7,density=0.1,density=0.5", "density is there twice"),
        (
            "paths:9999999999x9999",
            "GiB of memory are free here: ask for fewer or smaller",
        ),
        ("synthetic:99999999999999999999x2x2x1", "GiB of memory are free here"),
    ],
)
def test_names_of_made_data_that_cannot_be_had_are_refused(name, words):
    with pytest.raises(DataError, match=words):
        load(name)
