export const config = { name: 'live', schema: { type: 'object' } }
