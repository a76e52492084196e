"""Minimum spanning trees of the 6-neighbour graph of a mask, and sums along their branches.

The voxels of the mask are the nodes, numbered in array order. Trees are grown by compiled code
(`scipy.sparse.csgraph`); sums along the branches take a number of array operations that grows with the logarithm of the
longest branch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ..progress import Progress, no_progress, part_of

#: Levels to which edge costs are rounded. Edges of one level are taken in array order, which is several times faster
#: than a random order and does not change which voxels are reached last.
_COST_LEVELS = 255


@dataclass(frozen=True, eq=False)
class SpanningForest:
    """One tree for each connected part of a mask of n voxels.

    Attributes
    ----------
    order : ndarray, int32, shape (n,)
        Nodes in an order in which parents come before their children, the roots first.
    parent : ndarray, int32, shape (n,)
        Element p is the place in `order` of the parent of node `order[p]`; a root is its own parent.
    component : ndarray, int32, shape (n,)
        Number of the connected part to which each node (in array order) belongs, from 0.
    """

    order: np.ndarray
    parent: np.ndarray
    component: np.ndarray

    @property
    def components(self) -> int:
        """Number of connected parts."""
        return int(self.component.max()) + 1

    def sums_from_root(self, steps: np.ndarray) -> np.ndarray:
        """Sum of the steps on the way from the root to each node.

        Parameters
        ----------
        steps : ndarray, shape (n,)
            Step from the parent to the node at the same place in `order`; the steps of roots are ignored.

        Returns
        -------
        ndarray, shape (n,)
            At the same place in `order`, 0 at roots.

        Notes
        -----
        Pointer doubling: each node holds the sum up to an ancestor, and each round adds that ancestor's own sum, so the
        way covered doubles. `parent` never decreases, so the nodes that have arrived are always the first ones.
        """
        roots, nodes = self.components, len(self.order)
        sums, ancestor = steps.copy(), self.parent.copy()
        sums[:roots] = 0
        arrived = roots
        while arrived < nodes:
            ancestors = ancestor[arrived:]
            sums[arrived:] += sums[ancestors]
            ancestor[arrived:] = ancestor[ancestors]
            arrived += int(np.searchsorted(ancestor[arrived:], roots))
        return sums


def spanning_forest(mask: np.ndarray, weights: np.ndarray, *, progress: Progress = no_progress) -> SpanningForest:
    """Tree of least cost (1 - weight) through each connected part of a mask.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        The voxels to connect, each to its six neighbours inside the mask. Not empty.
    weights : ndarray, float32, shape (3, k, j, i)
        Weight within [0, 1] of the edge from each voxel to the next one along axis k, j, i.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    SpanningForest
    """
    progress(0.0, "collecting edges")
    graph = _graph(mask, weights)
    progress(0.2, "growing the spanning tree")
    return forest_of(graph, progress=part_of(progress, 0.2, 1.0))


def forest_of(graph: csr_array, *, progress: Progress = no_progress) -> SpanningForest:
    """Tree of least cost through each connected part of any graph.

    Parameters
    ----------
    graph : csr_array, float64, shape (n, n)
        Costs of the edges, all positive, each edge stored in one direction. Overwritten.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    SpanningForest
    """
    tree = minimum_spanning_tree(graph, overwrite=True)
    nodes = tree.shape[0]
    progress(0.8, "ordering the spanning tree")
    _, component = connected_components(tree, directed=False)
    _, roots = np.unique(component, return_index=True)

    # One more node above the roots turns the forest into a tree, which one search puts in order.
    indptr = np.append(tree.indptr, tree.nnz + roots.size).astype(np.int32)
    indices = np.append(tree.indices, roots).astype(np.int32)
    joined = csr_array((np.ones(indices.size), indices, indptr), shape=(nodes + 1, nodes + 1))
    order, predecessor = breadth_first_order(joined, nodes, directed=False)
    order = order[1:].astype(np.int32, copy=False)
    place = np.empty(nodes + 1, np.int32)
    place[order] = np.arange(nodes, dtype=np.int32)
    parent = place[predecessor[order]]
    parent[: roots.size] = np.arange(roots.size)
    return SpanningForest(order, parent, component)


def _graph(mask: np.ndarray, weights: np.ndarray) -> csr_array:
    """The 6-neighbour graph of the mask, upper triangle, costs from 1 upwards (a stored 0 would mean no edge)."""
    nodes = int(np.count_nonzero(mask))
    node = np.full(mask.shape, -1, np.int32)
    node[mask] = np.arange(nodes, dtype=np.int32)
    # Neighbours along i, j, k have rising numbers: row by row they already are in the order of a sorted sparse matrix.
    neighbour = np.empty((nodes, 3), np.int32)
    cost = np.empty((nodes, 3), np.uint8)
    following = np.empty(mask.shape, np.int32)
    for column, axis in enumerate((2, 1, 0)):
        following.fill(-1)
        np.moveaxis(following, axis, 0)[:-1] = np.moveaxis(node, axis, 0)[1:]
        neighbour[:, column] = following[mask]
        cost[:, column] = np.rint((1 - weights[axis][mask]) * (_COST_LEVELS - 1))
    exists = neighbour >= 0
    indptr = np.zeros(nodes + 1, np.int32)
    np.cumsum(np.count_nonzero(exists, axis=1), out=indptr[1:])
    data = cost[exists].astype(np.float64)
    data += 1
    return csr_array((data, neighbour[exists], indptr), shape=(nodes, nodes))
