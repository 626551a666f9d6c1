"""An HTTP endpoint with middleware, each of which puts its name before what came from within."""


async def outer(request, context, next):
    """The first one; it may answer by itself."""
    return ["stopped"] if request.body["stop"] else ["outer", *await next()]


async def inner(request, context, next):
    """The second one."""
    return ["inner", *await next()]


config = {"type": "api", "name": "Layers", "path": "/layers", "method": "POST", "middleware": [outer, inner]}


async def handler(request, context):
    """Answer within the layers."""
    return ["handler"]
