"""A project whose routes, bodies and answers are as odd as users' are: what its documents say must hold."""

from __future__ import annotations

from typing import Final

LIAR: Final = "/liar"
"""The one route that answers what it does not declare."""

FILES: Final = {
    "package.json": '{"name": "awkward", "version": "2.3.4", "type": "module", "description": "Odd on purpose"}\n',
    "steps/find-user.step.ts": """
import { z } from 'zod'
const user = z.object({ id: z.string(), role: z.enum(['admin', 'guest']), boss: z.string().nullable() })
export const config = {
  type: 'api', name: 'FindUser', method: 'GET', path: '/users/:id?', emits: [], flows: ['users', 'größe'],
  queryParams: [{ name: 'limit', description: 'At most so many' }, { name: 'filter[name]', description: '' }],
  responseSchema: { 200: z.union([z.array(user), user]), 404: z.object({ missing: z.string() }) },
}
export const handler = async (req: any) => {
  const { id } = req.pathParams
  if (id === 'nobody') return { status: 404, body: { missing: id } }
  const found = { id: String(id ?? 'x'), role: 'guest', boss: null }
  return { status: 200, body: id === undefined ? [found, { ...found, role: 'admin', boss: 'x' }] : found }
}
""",
    "steps/replace_user_step.py": """
config = {
    "type": "api", "name": "ReplaceUser", "method": "PUT", "path": "/users/:name", "emits": [], "flows": ["users"],
    "bodySchema": {"$ref": "#/$defs/a~1b~0c", "$defs": {"a/b~c": {
        "type": "object",
        "properties": {"nick": {"type": ["string", "null"]}, "age": {"type": "integer", "minimum": 0}},
        "required": ["nick"],
        "additionalProperties": False,
    }}},
    "responseSchema": {"204": {"description": "Replaced."}},
}

async def handler(req, context):
    assert req["pathParams"]["name"]
    return {"status": 204, "headers": {"x-nick": "ok"}}
""",
    "steps/remove-user.step.js": """
export const config = { type: 'api', name: 'Remove/User~', method: 'DELETE', path: '/users/:id', emits: [] }
export const handler = async () => ({ status: 204 })
""",
    "steps/plant-tree.step.ts": """
import { z } from 'zod'
const tree = z.strictObject({
  label: z.string().max(20),
  size: z.number().int().min(0).max(9).optional(),
  get children() { return z.array(tree).max(3).optional() },
})
export const config = {
  type: 'api', name: 'PlantTree', method: 'POST', path: '/trees', emits: [],
  bodySchema: tree,
  responseSchema: { 201: tree, 409: z.object({ why: z.literal('too many') }) },
}
export const handler = async (req: any) =>
  (req.body.children ?? []).length > 2
    ? { status: 409, body: { why: 'too many' } }
    : { status: 201, headers: { location: '/trees/1' }, body: req.body }
""",
    "steps/forest_step.py": """
NODE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}},
    "required": ["name"],
}

config = {
    "type": "api", "name": "Forest", "method": "POST", "path": "/forest", "emits": [],
    "bodySchema": {
        "$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"pair": {
            "type": "array", "items": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2,
        }},
        "type": "object", "properties": {"pair": {"$ref": "#/definitions/pair"}}, "required": ["pair"],
    },
    "responseSchema": {"200": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "$defs": {"tree": NODE}}},
}

async def handler(req, context):
    name, depth = req["body"]["pair"]
    node = None
    for _ in range(min(depth, 5)):
        node = {"name": name, "next": node}
    return {"status": 200, "body": [node] if node else []}
""",
    "steps/contact.step.ts": """
import { z } from 'zod'
export const config = {
  type: 'api', name: 'Contact', method: 'POST', path: '/contact', emits: [],
  bodySchema: z.object({ name: z.string().min(1), tags: z.union([z.string(), z.array(z.string())]).optional() }),
  responseSchema: { 200: z.object({ hello: z.string(), raw: z.boolean() }) },
}
export const handler = async (req: any) =>
  ({ status: 200, body: { hello: req.body.name, raw: typeof req.rawBody === 'string' } })
""",
    "steps/shout.step.ts": """
import { z } from 'zod'
export const config = {
  type: 'api', name: 'Shout', method: 'POST', path: '/shout', emits: [],
  bodySchema: z.string().min(1), responseSchema: { 200: z.string() },
}
export const handler = async (req: any) => ({ status: 200, body: req.body.toUpperCase() })
""",
    "steps/report.step.ts": """
import { z } from 'zod'
export const config = {
  type: 'api', name: 'Report', method: 'GET', path: '/report.csv', emits: [], responseSchema: { 200: z.string() },
}
export const handler = async () => ({ status: 200, headers: { 'content-type': 'text/csv' }, body: 'a,b\\n1,2\\n' })
""",
    "steps/status.step.js": """
export const config = {
  type: 'api', name: 'Status', method: 'GET', path: '/v:major(\\\\d+)/status', emits: [],
  responseSchema: { '2xx': { type: ['integer', 'null'] } },
}
export const handler = async (req) =>
  ({ status: 200, body: req.pathParams.major === '0' ? null : Number(req.pathParams.major.slice(0, 9)) })
""",
    "steps/flights.step.js": """
export const config = {
  type: 'api', name: 'Flights', method: 'GET', path: '/flights/:from-:to', emits: [],
  responseSchema: { 200: { type: 'object', required: ['from', 'to'], additionalProperties: { type: 'string' } } },
}
export const handler = async (req) => ({ status: 200, body: req.pathParams })
""",
    "steps/files.step.js": """
export const config = { type: 'api', name: 'Files', method: 'GET', path: '/files/*', emits: [] }
export const handler = async (req) => ({ status: 200, body: Buffer.from(req.pathParams['0']) })
""",
    "steps/cafe_step.py": """
config = {
    "type": "api", "name": "Café ☕", "method": "POST", "path": "/café/{table}/:größe(klein|groß)", "emits": [],
    "responseSchema": {"200": {}, "ok": {"type": "null"}},
}

async def handler(req, context):
    body = req["body"]
    return {"status": 200, "body": {"size": req["pathParams"]["größe"], "kind": type(body).__name__}}
""",
    "steps/liar.step.js": f"""
export const config = {{
  type: 'api', name: 'Liar', method: 'GET', path: '{LIAR}', emits: [], responseSchema: {{ 200: {{ type: 'object' }} }},
}}
export const handler = async () => ({{ status: 418, body: 'no' }})
""",
    "steps/board.stream.ts": """
import { z } from 'zod'
const card = z.object({ title: z.string(), get below() { return z.array(card).optional() } })
export const config = { name: 'board', schema: card, baseConfig: { storageType: 'default' } }
""",
}
