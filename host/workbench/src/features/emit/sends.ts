import type { Emitted } from '../../api/results.ts'
import { RequestFailed } from '../../services/http.ts'
import { Memory } from '../../services/memory.ts'
import { emitEvent } from '../../services/tryout.ts'
import { begun, copyOf, type Draft, type Outcome } from './copies.ts'

/** One event, or several copies of it, that were emitted from this tab. */
export interface Send {
  at: number
  draft: Draft
  step: string
  /** The first of them that were accepted. */
  emitted: readonly Emitted[]
  outcome: Outcome
  /** Why the only one was refused, or no more were sent. */
  error: RequestFailed | null
  /** Send no more copies than the one that is on its way. */
  stop: () => void
}

const SENDS_MAX = 20
const EMITTED_KEPT_MAX = 5
/** Progress is shown so often. */
const SHOWN_MS = 100

export const drafts = new Memory<Draft>(50)
export const sends = new Memory<readonly Send[]>(20)

type Emit = typeof emitEvent

/**
 * Emit a draft, or several copies of it one after the other, so that their order is that of their numbers. It stands first in
 * the history of its topic, whether or not its page is still open at the end. A copy whose data does not fit is counted, and
 * the others go on; any other failure ends it.
 */
export async function send(topic: string, step: string, draft: Draft, count = 1, emit: Emit = emitEvent): Promise<Send> {
  let shownAt = 0
  let sent: Send = { at: Date.now(), draft, step, emitted: [], outcome: begun(count), error: null, stop: () => { change({ stopped: true }) } }
  const put = (): void => {
    const others = (sends.get(topic) ?? []).filter((each) => each.at !== sent.at)
    sends.set(topic, [sent, ...others].slice(0, SENDS_MAX))
  }
  const change = (outcome: Partial<Outcome>, more: Partial<Send> = {}): void => { sent = { ...sent, ...more, outcome: { ...sent.outcome, ...outcome } } }
  put()
  for (let number = 1; number <= count && !sent.outcome.stopped && sent.error === null; number++) {
    const { data, fifoKey } = copyOf(draft, number, count)
    try {
      const emitted = await emit({ topic, step: step || null, fifoKey: fifoKey || null, source: data })
      change({ accepted: sent.outcome.accepted + 1 }, { emitted: [...sent.emitted, emitted].slice(0, EMITTED_KEPT_MAX) })
    } catch (thrown) {
      const error = thrown instanceof RequestFailed ? thrown : new RequestFailed(0, String(thrown))
      const isRefusal = count > 1 && error.status === 400
      const reason = sent.outcome.reason ?? { number, message: error.message }
      change(isRefusal ? { reason, refused: sent.outcome.refused + 1 } : { reason }, isRefusal ? {} : { error })
    }
    if (Date.now() - shownAt < SHOWN_MS) continue
    shownAt = Date.now()
    put()
  }
  change({ ended: true })
  put()
  return sent
}
