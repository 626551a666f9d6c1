/** Ends this process when its host is gone and user code blocks the thread that would notice. Source: PS-2.5. */
import { Worker } from 'node:worker_threads'
import { complain } from './errors.ts'

/** Between two looks; a blocked orphan burns a core for at most this long. */
const LOOK_MS = 500

// A thread of its own is all that still runs beside an endless loop. It has no tsx, so it is plain JavaScript.
const LOOK = `
const { workerData } = require('node:worker_threads')
setInterval(() => { if (process.ppid !== workerData.host) process.kill(process.pid, 'SIGKILL') }, workerData.lookMs)`

/** Watch the parent process, which is the host, from a second thread. */
export function watchHost(host: number): void {
  const worker = new Worker(LOOK, {
    eval: true,
    execArgv: [],
    workerData: { host, lookMs: LOOK_MS },
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 },
  })
  worker.on('error', (error) => { complain(`the watch over the host ended: ${error.message}`) })
  worker.unref()
}
