/** A schema object as libraries make them: it says itself what it is as JSON Schema (PS-6.2), and makes values (PS-7.11). */
const titled = {
  toJSONSchema: () => ({ type: 'object', properties: { title: { type: 'string' } }, required: ['title'] }),
  '~standard': {
    version: 1,
    vendor: 'kit',
    validate: ({ title, ...more }: any) =>
      typeof title === 'string' ? { value: { ...more, title: title.trim() } } : { issues: [{ path: ['title'], message: 'must be a text' }] },
  },
}

export const config = {
  type: 'api',
  name: 'Schemas',
  path: '/schemas',
  method: 'POST',
  emits: [],
  bodySchema: titled,
  responseSchema: { 200: titled },
}

export const handler = async (request: any) => ({ status: 200, body: request.body })
