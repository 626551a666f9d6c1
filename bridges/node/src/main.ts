/** Runs TypeScript and JavaScript steps for the polystep host: opens the channel and joins the parts. */
import { Bridge } from './bridge.ts'
import type { Ends } from './channel.ts'
import { FrameReader, FrameWriter, openChannel, relaunch } from './channel.ts'

function serve({ input, output }: Ends): void {
  // Programs that user code starts are not runners.
  delete process.env['POLYSTEP_CHANNEL']
  const bridge = new Bridge(new FrameWriter(output), process.exit.bind(process))
  const reader = new FrameReader(bridge.peer, bridge.limit)
  bridge.guardProcess()
  input.on('data', (chunk: Buffer) => { reader.push(chunk) })
  input.on('close', () => { bridge.leave(0) })
  input.on('error', () => { bridge.leave(1) })
  output.on('error', () => { bridge.leave(1) })
}

const ends = openChannel(process.env['POLYSTEP_CHANNEL'])
if (ends === null) relaunch()
else serve(ends)
