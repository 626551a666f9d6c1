// The pages of the navigation, in its order. A page that does not exist yet has no entry.

export const PAGES = [
  { to: '/flows', words: 'Flows', key: 'f' },
  { to: '/traces', words: 'Traces', key: 't' },
  { to: '/logs', words: 'Logs', key: 'l' },
  { to: '/charts', words: 'Charts', key: 'h' },
  { to: '/endpoints', words: 'Endpoints', key: 'e' },
  { to: '/emit', words: 'Emit', key: 'm' },
  { to: '/asks', words: 'Waiting for you', key: 'w' },
  { to: '/queues', words: 'Queues', key: 'q' },
  { to: '/dead-letters', words: 'Dead letters', key: 'd' },
  { to: '/cron', words: 'Cron', key: 'c' },
  { to: '/state', words: 'State', key: 'a' },
  { to: '/streams', words: 'Streams', key: 'r' },
  { to: '/steps', words: 'Steps', key: 's' },
] as const
