export const config = { type: 'event', name: 'Broken', subscribes: ['broken'], emits: [] }

throw new Error('broken on purpose')
