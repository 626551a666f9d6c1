import type { Attempt, LogLine, Operation, Run, Trace, TraceRow } from '../services/shapes.ts'

// Values as the host sends them, each with what a test cares about changed.

export const T0 = 1_796_054_848_000

export function traceRow(cursor: number, change: Partial<TraceRow> = {}): TraceRow {
  return {
    traceId: cursor.toString(16).padStart(32, '0'),
    name: 'PlaceOrder',
    type: 'api',
    status: 'completed',
    startedAt: T0 + cursor,
    endedAt: T0 + cursor + 14,
    durationMs: 14,
    runCount: 2,
    replayOf: null,
    replayCount: 0,
    cursor,
    ...change,
  }
}

export function attempt(number: number, change: Partial<Attempt> = {}): Attempt {
  const startedAt = T0 + 100 * number
  return { attempt: number, status: 'completed', startedAt, endedAt: startedAt + 20, durationMs: 20, error: null, result: null, ...change }
}

export function operation(type: string, at: number, change: Record<string, unknown> = {}): Operation {
  return { attempt: 1, spanId: null, at: T0 + at, durationMs: 0, type, ...change }
}

export function logLine(id: number, change: Partial<LogLine> = {}): LogLine {
  return {
    id,
    time: T0 + id,
    level: 'info',
    message: `line ${id}`,
    fields: {},
    step: 'PlaceOrder',
    traceId: 'a'.repeat(32),
    runId: 'r1',
    source: 'logger',
    ...change,
  }
}

export function run(runId: string, change: Partial<Run> = {}): Run {
  return {
    runId,
    parentRunId: null,
    step: 'PlaceOrder',
    type: 'api',
    trigger: { kind: 'http', method: 'POST', path: '/orders', body: { item: 'vase' } },
    status: 'completed',
    queuedAt: T0,
    startedAt: T0 + 100,
    endedAt: T0 + 120,
    durationMs: 20,
    error: null,
    attempts: [attempt(1)],
    operations: [],
    logs: [],
    ...change,
  }
}

export function trace(runs: Run[], change: Partial<Trace> = {}): Trace {
  return { ...traceRow(1), runCount: runs.length, runs, logs: [], cut: false, startedAt: T0, endedAt: T0 + 1000, durationMs: 1000, ...change }
}

/** Texts that a terminal would follow, and a page must not. */
export const HOSTILE_ANSI = [
  '\u001b[31m<img src=x onerror=alert(1)>\u001b[0m',
  '\u001b[999999999999999999999m',
  '\u001b[;;;;m',
  '\u001b[38;2m',
  '\u001b[38;5m\u001b[48m',
  '\u001b[constructor]m\u001b[__proto__m',
  '\u001b]8;;javascript:alert(1)\u0007click\u001b]8;;\u0007',
  '\u001b]never ended',
  '\u001b',
  '\u001b[',
  '\u009b31mcsi',
  '\ud800\u001b[31m\udfff',
]
