type Next = () => Promise<string[]>

/** The first one; it may answer by itself. */
const outer = async (request: any, _context: any, next: Next) => (request.body.stop ? ['stopped'] : ['outer', ...(await next())])
const inner = async (_request: any, _context: any, next: Next) => ['inner', ...(await next())]

export const config = { type: 'api', name: 'Layers', path: '/layers', method: 'POST', emits: [], middleware: [outer, inner] }

export const handler = async () => ['handler']
