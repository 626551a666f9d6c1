"""Has no config."""


async def handler(input, context):
    """Never called."""
