import { expect, it } from 'vitest'
import { healthWords } from './health.ts'

const HEALTH = { status: 'ready', version: '1', uptimeS: 1, steps: 1, streams: 0, failures: 0 }

it('says how the host is, and why it is not whole', () => {
  expect(healthWords(HEALTH)).toBe('The host is ready · polystep 1 · 1 step and 0 streams')
  expect(healthWords({ ...HEALTH, status: 'degraded', failures: 2 })).toContain('degraded: a file does not load')
  expect(healthWords({ ...HEALTH, status: 'degraded', storage: [{ message: 'full' }] })).toContain('the disk cannot be written')
  const memory = { runner: 'node', memoryMb: 80, memoryLimitMb: 512, leaving: false }
  expect(healthWords({ ...HEALTH, runnersLimited: [memory, { ...memory, leaving: true }] })).toContain('node uses 80 of 512 MB · node uses 80 of 512 MB and is being replaced')
  expect(healthWords({ ...HEALTH, traceRecordsDropped: 2 })).toContain('2 records of traces were dropped')
})
