"""Places for the nodes of a directed graph, in layers from top to bottom, so that its arrows can be followed.

Sugiyama, Tagawa and Toda 1981, Methods for visual understanding of hierarchical system structures, IEEE Trans Syst Man
Cybern 11:109: layers by the longest path, order within a layer by the mean place of the neighbours, and places as near
to the neighbours as the widths allow.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.optimize import isotonic_regression

from chiomics.core.errors import InputError

Edge = tuple[Hashable, Hashable]
#: Passes over the layers: orders settle within a few, the places along long arrows later.
ORDER_SWEEPS, PLACE_SWEEPS = 12, 150
#: Width of an arrow that passes a layer, in the unit of the widths of nodes.
PASSING = 0.12


def transitive_reduction(edges: Sequence[Edge]) -> list[Edge]:
    """Drop the edges that a longer path implies; the order is kept.

    Raises
    ------
    InputError
        Where the edges close a circle.
    """
    unique = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    kept = nx.transitive_reduction(_graph(unique)).edges
    return [edge for edge in unique if edge in kept]


def place_layers(
    edges: Sequence[Edge], widths: Mapping[Hashable, float], *, gap: float
) -> tuple[dict[Hashable, tuple[float, int]], dict[Edge, list[tuple[float, int]]]]:
    """Find a place for each node and a way for each edge.

    Parameters
    ----------
    edges : sequence of (tail, head)
        Without circles.
    widths : mapping of hashable to float
        Of the nodes, in inches.
    gap : float
        Minimum distance between neighbours in a layer, in inches.

    Returns
    -------
    places : dict of node to (float, int)
        Centre in inches, from 0 at the left edge, and layer from 0 at the top.
    ways : dict of edge to list of (float, int)
        Points from tail to head, one in each layer.

    Raises
    ------
    InputError
        Where the edges close a circle.
    """
    layer = _layers(edges)
    chains = {
        edge: [edge[0], *((edge, number) for number in range(layer[edge[0]] + 1, layer[edge[1]])), edge[1]]
        for edge in edges
    }
    links = list(dict.fromkeys(link for chain in chains.values() for link in pairwise(chain)))
    depth = dict(layer)
    for chain in chains.values():
        depth |= {node: layer[chain[0]] + step for step, node in enumerate(chain)}
    rows: list[list] = [[] for _ in range(max(depth.values()) + 1)]
    for node, number in depth.items():
        rows[number].append(node)
    above, below = _neighbours(links, 1), _neighbours(links, 0)
    rows = _ordered(rows, above, below)
    width = {node: widths.get(node, PASSING) for row in rows for node in row}
    across = _spread(rows, width, gap, above, below)
    places = {node: (across[node], depth[node]) for node in layer}
    return places, {edge: [(across[node], depth[node]) for node in chain] for edge, chain in chains.items()}


def _neighbours(edges: Sequence[Edge], end: int) -> dict[Hashable, list]:
    """List the other ends of each node's edges that have it at `end`: 0 gives heads of a tail, 1 tails of a head."""
    found: dict[Hashable, list] = {node: [] for edge in edges for node in edge}
    for edge in edges:
        found[edge[end]].append(edge[1 - end])
    return found


def _graph(edges: Sequence[Edge]) -> nx.DiGraph:
    """Make a graph of edges, refusing circles."""
    graph = nx.DiGraph(edges)
    if not nx.is_directed_acyclic_graph(graph):
        circle = [tail for tail, _ in nx.find_cycle(graph)]
        raise InputError(
            "the rules close a circle", found=" -> ".join(map(str, circle)), expected="a graph without circles"
        )
    return graph


def _layers(edges: Sequence[Edge]) -> dict[Hashable, int]:
    """Return the length of the longest path to each node; what nothing leads to stands above its first user."""
    graph = _graph(edges)
    layer = {node: number for number, nodes in enumerate(nx.topological_generations(graph)) for node in nodes}
    sources = [node for node in graph if not graph.in_degree(node)]
    return layer | {node: min(layer[child] for child in graph.successors(node)) - 1 for node in sources}


def _ordered(rows: list[list], above: Mapping, below: Mapping) -> list[list]:
    """Order each layer by the mean place of the neighbours, down and up, and keep what crosses least."""
    best, fewest = [list(row) for row in rows], _crossings(rows, above)
    for sweep in range(ORDER_SWEEPS):
        down = sweep % 2 == 0
        span = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for number in span:
            fixed = {node: place for place, node in enumerate(rows[number - 1 if down else number + 1])}
            near = above if down else below
            own = {node: place for place, node in enumerate(rows[number])}
            wish = {
                node: np.mean([fixed[other] for other in near[node]]) if near[node] else own[node]
                for node in rows[number]
            }
            rows[number] = sorted(rows[number], key=wish.get)
        crossing = _crossings(rows, above)
        if crossing < fewest:
            best, fewest = [list(row) for row in rows], crossing
    return best


def _crossings(rows: list[list], above: Mapping) -> int:
    number = 0
    for upper, lower in pairwise(rows):
        place = {node: k for k, node in enumerate(upper)}
        ends = [sorted(place[other] for other in above[node]) for node in lower]
        number += sum(a > b for k, left in enumerate(ends) for right in ends[k + 1 :] for a in left for b in right)
    return number


def _spread(rows: list[list], width: Mapping, gap: float, above: Mapping, below: Mapping) -> dict[Hashable, float]:
    """Pull each node to the mean of its neighbours, as far as the widths in its layer allow."""
    offsets = {}
    for row in rows:
        steps = [0.5 * (width[left] + width[right]) + gap for left, right in pairwise(row)]
        offsets[id(row)] = np.concatenate([[0.0], np.cumsum(steps)])
    across = {
        node: place - offsets[id(row)][-1] / 2
        for row in rows
        for node, place in zip(row, offsets[id(row)], strict=True)
    }
    for sweep in range(PLACE_SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wish = [np.mean([across[other] for other in [*above[node], *below[node]]]) for node in row]
            # Least squares under least distances: subtract the distances, and what remains may not fall.
            fitted = isotonic_regression(np.array(wish) - offsets[id(row)]).x + offsets[id(row)]
            across |= dict(zip(row, fitted, strict=True))
    left = min(across[node] - 0.5 * width[node] for node in across)
    return {node: float(place - left) for node, place in across.items()}
