export const contextSchema = { type: 'object', required: ['user'], properties: { user: { type: 'string' } } }

export const authenticate = async ({ headers, url }: { headers: Record<string, string>; url: string }) => {
  const user = headers['authorization']?.replace('Bearer ', '')
  if (user === 'broken') throw new Error('broken on purpose')
  return Promise.resolve(user === 'nobody' ? null : { user, url })
}
