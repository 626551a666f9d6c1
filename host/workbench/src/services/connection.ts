// The state of the connection to the host as a pure machine: facts in, state out. Time comes with each fact.

export type Connection =
  | { kind: 'connecting' }
  | { kind: 'live'; roundTripMs: number; host: string; restartedAt?: number | undefined }
  | { kind: 'lost'; since: number; attempts: number; retryAt: number }
  | { kind: 'paused' }
  | { kind: 'signedOut' }

export type Fact =
  | { kind: 'answered'; roundTripMs: number; host: string }
  | { kind: 'restarted'; now: number }
  | { kind: 'silent'; now: number; chance: number }
  | { kind: 'refused' }
  | { kind: 'hidden' }
  | { kind: 'shown' }

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5000

export const CONNECTING: Connection = { kind: 'connecting' }

/** Follow one fact. `chance` (0 to 1) spreads the retries of many pages over a quarter of the wait. */
export function follow(state: Connection, fact: Fact): Connection {
  switch (fact.kind) {
    case 'answered':
      return { ...fact, kind: 'live', restartedAt: state.kind === 'live' ? state.restartedAt : undefined }
    case 'restarted':
      return state.kind === 'live' ? { ...state, restartedAt: fact.now } : state
    case 'refused':
      return { kind: 'signedOut' }
    case 'silent': {
      const attempts = state.kind === 'lost' ? state.attempts + 1 : 1
      const since = state.kind === 'lost' ? state.since : fact.now
      const wait = Math.min(FIRST_WAIT_MS * 2 ** (attempts - 1), LONGEST_WAIT_MS)
      return { kind: 'lost', since, attempts, retryAt: fact.now + wait * (0.75 + 0.25 * fact.chance) }
    }
    case 'hidden':
      return { kind: 'paused' }
    case 'shown':
      return state.kind === 'paused' ? CONNECTING : state
  }
}

/** Whether another host answers than the one before: what a page remembers of the old one may be gone. */
export function isRestarted(before: string | null, state: Connection): boolean {
  return before !== null && state.kind === 'live' && state.host !== before
}
