/** Watch beside the main thread that reports to the host which code blocks it. Source: PS-10.3, PS-10.4. */
import { Worker } from 'node:worker_threads'

/** Time between two looks after the host; a blocked orphan burns a core for at most this long. */
export const LOOK_MS = 500
/** The host's process id, read early: an orphan has another parent. */
export const HOST = process.ppid
/** Longer names are left out of the report: a pipe takes little at once. */
const NAME_BYTES_MAX = 255

/** Memory of both threads: reads of input, open runs, bytes that wait; then the length and bytes of a run's name. */
const shared = new SharedArrayBuffer(16 + NAME_BYTES_MAX)
const numbers = new Int32Array(shared, 0, 4)
const name = new Uint8Array(shared, 16)
const encoder = new TextEncoder()
const [READS, OPEN, WAITING, NAME_BYTES] = [0, 1, 2, 3]

/** Note that input was read, so this thread is not blocked; returns the input. */
export function beat(input: Buffer): Buffer {
  Atomics.add(numbers, READS, 1)
  return input
}

/** Note the number of open runs, and return it. */
export function opened(count: number): number { return Atomics.store(numbers, OPEN, count) }

/** Note the bytes that wait in this thread: another must not write between them. */
export function setWaiting(bytes: number): void { Atomics.store(numbers, WAITING, bytes) }

/** Note the run whose code starts now, or ran just now, and return its name. */
export function entered(run: string): string {
  const { read, written } = encoder.encodeInto(run, name)
  Atomics.store(numbers, NAME_BYTES, read === run.length ? written : 0)
  return run
}

// A thread of its own is all that still runs beside an endless loop. It has no tsx, so it is plain JavaScript. Input that is
// not read while runs are open, at two looks in a row, is a block: the host asks for a sign of life twice a second. A frame
// this short goes into the pipe whole or not at all.
const LOOK = `
const { writeSync } = require('node:fs')
const { workerData } = require('node:worker_threads')
const numbers = new Int32Array(workerData.shared, 0, 4)
let reads = -1, looks = 0
function report() {
  const run = Buffer.from(new Uint8Array(workerData.shared, 16, numbers[${NAME_BYTES}]))
  const named = run.length === 0 ? [Buffer.of(0x80)] : [Buffer.of(0x81, 0xa3), Buffer.from('run'), Buffer.of(0xd9, run.length), run]
  const body = Buffer.concat([Buffer.of(0x93, 2, 0xa7), Buffer.from('blocked'), ...named])
  const frame = Buffer.alloc(4 + body.length)
  frame.writeUInt32BE(body.length)
  body.copy(frame, 4)
  try { writeSync(4, frame) } catch {}
}
setInterval(() => {
  if (process.ppid !== workerData.host) process.kill(process.pid, 'SIGKILL')
  const now = Atomics.load(numbers, ${READS})
  looks = now === reads && Atomics.load(numbers, ${OPEN}) > 0 ? looks + 1 : 0
  reads = now
  if (looks === 2 && workerData.reports && Atomics.load(numbers, ${WAITING}) === 0) report()
}, ${LOOK_MS})`

/** Watch the host and this thread; with `reports`, report a block to the host. Source: PS-2.5. */
export function watch(reports: boolean): void {
  const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 }
  const worker = new Worker(LOOK, { eval: true, execArgv: [], workerData: { host: HOST, shared, reports }, resourceLimits })
  worker.on('error', (error) => { process.stderr.write(`polystep: the watch over the host ended: ${error.message}\n`) })
  worker.unref()
}
