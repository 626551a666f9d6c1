import { KeptLayouts, nameOf } from './keptLayouts.ts'
import { inColumns, isLarge, type Places, type Task } from './layout.ts'

interface Done {
  places: Places
  ms: number
}

/** Lays graphs out in a worker that is held ready, one at a time; the last ones are kept in the browser. */
export class LayingOut {
  private readonly make: () => Worker
  private readonly kept: KeptLayouts
  private worker: Worker | null = null
  private busy = false

  constructor(make: () => Worker, store: Pick<Storage, 'getItem' | 'setItem'>) {
    this.make = make
    this.kept = new KeptLayouts(store)
  }

  /** Lay a graph out; a signal ends the work, and the promise never settles then. */
  async run(task: Task, signal: AbortSignal): Promise<Places> {
    if (isLarge(task)) return inColumns(task)
    const name = nameOf(task)
    const known = this.kept.get(name)
    if (known !== undefined && task.nodes.every(({ key }) => key in known)) return known
    const places = await this.ask(task, signal)
    this.kept.set(name, places)
    return places
  }

  private ask(task: Task, signal: AbortSignal): Promise<Places> {
    if (this.busy) this.end()
    const worker = (this.worker ??= this.make())
    this.busy = true
    return new Promise((done) => {
      signal.addEventListener('abort', () => {
        if (this.worker === worker && this.busy) this.end()
      })
      worker.onmessage = ({ data }: MessageEvent<Done>) => {
        this.busy = false
        // For those who measure.
        performance.measure('layout', { duration: data.ms, end: performance.now() })
        done(data.places)
      }
      // A browser that runs no worker still shows the flow.
      worker.onerror = () => {
        this.end()
        done(inColumns(task))
      }
      worker.postMessage(task)
    })
  }

  private end(): void {
    this.worker?.terminate()
    this.worker = null
    this.busy = false
  }
}

/** Asked when it is used: a browser may refuse it. */
const store = {
  getItem: (name: string) => localStorage.getItem(name),
  setItem: (name: string, text: string) => { localStorage.setItem(name, text) },
}

export const layingOut = new LayingOut(() => new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' }), store)
