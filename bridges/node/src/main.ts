/** Runner of TypeScript and JavaScript steps: opens the channel and joins the parts. Source: PS-2. */
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { Bridge } from './bridge.ts'
import { FrameReader, FrameWriter } from './channel.ts'
import { beat, HOST, LOOK_MS, setWaiting, watch } from './features/heartbeat.ts'

/** Serve on descriptors 3 and 4, which Node marks close-on-exec: processes that user code starts never have them. */
function serve(): void {
  // Programs that user code starts are not runners.
  delete process.env['POLYSTEP_CHANNEL']
  const input = new Socket({ fd: 3, readable: true, writable: false })
  const output = new Socket({ fd: 4, readable: false, writable: true })
  const writer = new FrameWriter(output, () => { bridge.answers.written(); setWaiting(writer.waitingBytes) })
  const bridge = new Bridge(writer, watch)
  const reader = new FrameReader(bridge.peer)
  input.on('data', (chunk: Buffer) => { reader.push(beat(chunk)) })
  input.on('close', () => { bridge.leave(0) })
  for (const side of [input, output]) side.on('error', () => { bridge.leave(1) })
}

/** Node cannot move descriptors 0 and 1 away from user code, so this program starts again with them as 3 and 4. */
function relaunch(): void {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['ignore', 2, 2, 0, 1],
    env: { ...process.env, POLYSTEP_CHANNEL: 'private' },
  })
  child.on('exit', (code) => { process.exit(code ?? 1) })
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill())
  setInterval(() => process.ppid === HOST || child.kill('SIGKILL'), LOOK_MS)
}

const kind = process.env['POLYSTEP_CHANNEL']
if (kind === 'private') serve()
else if (kind === 'stdio') relaunch()
else throw new Error(`POLYSTEP_CHANNEL is ${String(kind)}, not "private" or "stdio". Run "polystep dev": it starts this program.`)
