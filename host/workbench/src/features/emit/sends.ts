import type { Emitted } from '../../api/results.ts'
import { RequestFailed } from '../../services/http.ts'
import { Memory } from '../../services/memory.ts'
import { emitEvent } from '../../services/tryout.ts'

export interface Draft {
  data: string
  fifoKey: string
}

/** One event that was emitted from this tab. */
export interface Send {
  at: number
  draft: Draft
  step: string
  emitted: Emitted | null
  error: RequestFailed | null
}

const SENDS_MAX = 20

export const drafts = new Memory<Draft>(50)
export const sends = new Memory<readonly Send[]>(20)

/** Emit a draft; it stands first in the history of its topic, whether or not its page is still open when the answer comes. */
export async function send(topic: string, step: string, draft: Draft): Promise<void> {
  const begun: Send = { at: Date.now(), draft, step, emitted: null, error: null }
  const put = (change: Partial<Send>): void => {
    const others = (sends.get(topic) ?? []).filter((each) => each.at !== begun.at)
    sends.set(topic, [{ ...begun, ...change }, ...others].slice(0, SENDS_MAX))
  }
  put({})
  try {
    put({ emitted: await emitEvent({ topic, step: step || null, fifoKey: draft.fifoKey || null, source: draft.data }) })
  } catch (error) {
    put({ error: error instanceof RequestFailed ? error : new RequestFailed(0, String(error)) })
  }
}
