"""Operations on the places of a flow's nodes, which the project keeps in a file of its own."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal

from pydantic import Field

from polystep.contracts.operations import bad_parameter
from polystep.operations.flows import FlowParams
from polystep.operations.layout_file import COORDINATE_MAX, PLACES_MAX, Layout, read_layout, write_layout
from polystep.operations.operation import Operation, Result
from polystep.operations.rooms import Rooms

_KEY_CHARS_MAX: Final = 1000
_AXES: Final = ("x", "y")

Coordinate = Annotated[float, Field(ge=-COORDINATE_MAX, le=COORDINATE_MAX)]


class NodePlace(Result):
    """Left and top of a node, in whole pixels."""

    x: int
    y: int


class FlowLayout(Result):
    """Places of the nodes of a flow, by the files of their steps."""

    flow: str
    nodes: dict[str, NodePlace]
    version: str = Field(description="Changes with the places.")
    file: str | None = Field(description="File of the project that has them; null when none has.")
    problem: str | None = Field(description="Why that file cannot be used.")


class FlowLayoutParams(FlowParams):
    """Places of the nodes of a flow, and the version that they replace."""

    nodes: dict[str, dict[Literal["x", "y"], Coordinate]] = Field(
        description="All of the flow, by the files of their steps: `{file: {x, y}}`."
    )
    version: str = Field(description="Of the places that are replaced; others are left as they are.")


async def flow_layout(rooms: Rooms, params: FlowParams) -> FlowLayout:
    """Print where the nodes of a flow were placed by hand."""
    return _shown(params.flow, await asyncio.to_thread(read_layout, rooms.place.root, params.flow))


async def place_nodes(rooms: Rooms, params: FlowLayoutParams) -> FlowLayout:
    """Place the nodes of a flow in the Workbench, and keep that in polystep-workbench.json."""
    if len(params.nodes) > PLACES_MAX:
        raise bad_parameter(f"nodes has {len(params.nodes)} members; at most {PLACES_MAX} are kept.")
    if any(len(key) > _KEY_CHARS_MAX for key in (params.flow, *params.nodes)):
        raise bad_parameter(f"a name in nodes has more than {_KEY_CHARS_MAX} characters.")
    if any(len(place) != len(_AXES) for place in params.nodes.values()):
        raise bad_parameter("a member of nodes has no x or no y.")
    places = {key: (place["x"], place["y"]) for key, place in params.nodes.items()}
    layout = await asyncio.to_thread(write_layout, rooms.place.root, params.flow, places, params.version)
    return _shown(params.flow, layout)


def _shown(flow: str, layout: Layout) -> FlowLayout:
    nodes = {key: NodePlace(x=left, y=top) for key, (left, top) in layout.places.items()}
    return FlowLayout(flow=flow, nodes=nodes, version=layout.version, file=layout.file, problem=layout.problem)


OPERATIONS = (
    Operation("flow_layout", "GET flows/{flow}/layout", FlowParams, FlowLayout, "reads", flow_layout),
    Operation("place_nodes", "PUT flows/{flow}/layout", FlowLayoutParams, FlowLayout, "changes", place_nodes),
)
