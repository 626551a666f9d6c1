export const config = { type: 'noop', name: 'Noop' }
