"""Texts of the smallest HTTP step and the smallest event step in each language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["typescript", "javascript", "python", "ruby"]

STEPS: Final = ("Hello", "Greet")
"""Names of both steps, the same in each language."""

_TYPESCRIPT_HELLO: Final = """\
export const config = {
  type: 'api',
  name: 'Hello',
  method: 'POST',
  path: '/hello',
  bodySchema: {
    type: 'object',
    properties: { name: { type: 'string' } },
    required: ['name'],
  },
  emits: ['hello.said'],
  flows: ['hello'],
}

export const handler = async (request: any, { emit }: any) => {
  const { name } = request.body
  await emit({ topic: 'hello.said', data: { name } })
  return { status: 200, body: { message: `Hello, ${name}!` } }
}
"""
_TYPESCRIPT_GREET: Final = """\
export const config = {
  type: 'event',
  name: 'Greet',
  subscribes: ['hello.said'],
  input: {
    type: 'object',
    properties: { name: { type: 'string' } },
    required: ['name'],
  },
  emits: [],
  flows: ['hello'],
}

export const handler = async (event: any, { logger }: any) => {
  logger.info(`Good to see you, ${event.name}`)
}
"""
_PYTHON_HELLO: Final = """\
config = {
    "type": "api",
    "name": "Hello",
    "method": "POST",
    "path": "/hello",
    "bodySchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    },
    "emits": ["hello.said"],
    "flows": ["hello"],
}


async def handler(request, context):
    name = request["body"]["name"]
    await context.emit({"topic": "hello.said", "data": {"name": name}})
    return {"status": 200, "body": {"message": f"Hello, {name}!"}}
"""
_PYTHON_GREET: Final = """\
config = {
    "type": "event",
    "name": "Greet",
    "subscribes": ["hello.said"],
    "input": {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    },
    "emits": [],
    "flows": ["hello"],
}


async def handler(event, context):
    context.logger.info(f"Good to see you, {event['name']}")
"""
_RUBY_HELLO: Final = """\
def config
  {
    type: "api",
    name: "Hello",
    method: "POST",
    path: "/hello",
    bodySchema: {
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"]
    },
    emits: ["hello.said"],
    flows: ["hello"]
  }
end

def handler(request, context)
  name = request["body"]["name"]
  context.emit(topic: "hello.said", data: { name: name })
  { status: 200, body: { message: "Hello, #{name}!" } }
end
"""
_RUBY_GREET: Final = """\
def config
  {
    type: "event",
    name: "Greet",
    subscribes: ["hello.said"],
    input: {
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"]
    },
    emits: [],
    flows: ["hello"]
  }
end

def handler(event, context)
  context.logger.info("Good to see you, #{event["name"]}")
end
"""


def _plain(text: str) -> str:
    """Return a TypeScript text as JavaScript."""
    return text.replace(": any", "")


STARTERS: Final[Mapping[Language, Mapping[str, str]]] = {
    "typescript": {"hello.step.ts": _TYPESCRIPT_HELLO, "greet.step.ts": _TYPESCRIPT_GREET},
    "javascript": {"hello.step.js": _plain(_TYPESCRIPT_HELLO), "greet.step.js": _plain(_TYPESCRIPT_GREET)},
    "python": {"hello_step.py": _PYTHON_HELLO, "greet_step.py": _PYTHON_GREET},
    "ruby": {"hello_step.rb": _RUBY_HELLO, "greet_step.rb": _RUBY_GREET},
}
"""By language, then by file name."""
