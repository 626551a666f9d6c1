export const config = { type: 'event', name: 'Exits', subscribes: ['exits'], emits: [] }

process.exit(3)
