import { describe, expect, it } from 'vitest'
import { CONNECTING, follow, isRestarted, type Connection } from './connection.ts'

const silent = (now: number): Parameters<typeof follow>[1] => ({ kind: 'silent', now, chance: 1 })

describe('the connection', () => {
  it('waits longer after each silence, and never longer than five seconds', () => {
    let state: Connection = CONNECTING
    const waits = [0, 1, 2, 3, 4, 5, 6].map((now) => {
      state = follow(state, silent(now))
      return state.kind === 'lost' ? state.retryAt - now : 0
    })
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000])
  })

  it('remembers since when the host has been silent', () => {
    const state = follow(follow(CONNECTING, silent(10)), silent(300))
    expect(state).toMatchObject({ kind: 'lost', since: 10, attempts: 2 })
  })

  it('is live again with the first answer', () => {
    const state = follow(follow(CONNECTING, silent(10)), { kind: 'answered', roundTripMs: 3, host: 'a' })
    expect(state).toEqual({ kind: 'live', roundTripMs: 3, host: 'a' })
  })

  it('knows a restarted host', () => {
    const live = follow(CONNECTING, { kind: 'answered', roundTripMs: 3, host: 'b' })
    expect(isRestarted('a', live)).toBe(true)
    expect(isRestarted('b', live)).toBe(false)
    expect(isRestarted(null, live)).toBe(false)
  })

  it('says when another host has taken over, until the connection is lost again', () => {
    let state = follow(CONNECTING, { kind: 'answered', roundTripMs: 3, host: 'b' })
    state = follow(follow(state, { kind: 'restarted', now: 70 }), { kind: 'answered', roundTripMs: 4, host: 'b' })
    expect(state).toEqual({ kind: 'live', roundTripMs: 4, host: 'b', restartedAt: 70 })
    state = follow(follow(state, silent(80)), { kind: 'answered', roundTripMs: 5, host: 'b' })
    expect(state).toEqual({ kind: 'live', roundTripMs: 5, host: 'b' })
    expect(follow(follow(state, silent(80)), { kind: 'restarted', now: 90 }).kind).toBe('lost')
  })

  it('asks no more once the session is over', () => {
    expect(follow(follow(CONNECTING, silent(10)), { kind: 'refused' })).toEqual({ kind: 'signedOut' })
  })

  it('pauses while nobody sees the page, and connects anew when it is shown', () => {
    const paused = follow(CONNECTING, { kind: 'hidden' })
    expect(paused.kind).toBe('paused')
    expect(follow(paused, { kind: 'shown' }).kind).toBe('connecting')
  })
})
