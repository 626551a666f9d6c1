import { Memory } from '../../services/memory.ts'
import { RequestFailed } from '../../services/http.ts'
import { sendRequest } from '../../services/tryout.ts'
import type { StepRow } from '../../api/results.ts'
import { answerOf, type Answer } from './answer.ts'
import { requestOf, withoutSecrets, type Draft } from './model.ts'

/** One request that was sent from this tab. */
export interface Send {
  at: number
  draft: Draft
  /** What came back; null while it is on its way. */
  answer: Answer | null
  error: RequestFailed | null
}

const SENDS_MAX = 10

export const drafts = new Memory<Draft>(50)
export const sends = new Memory<readonly Send[]>(10)

/** Send a draft. It stands first in the history of its step, whether or not its page is still open when the answer comes. */
export async function send(step: StepRow, draft: Draft, signal: AbortSignal): Promise<void> {
  const begun: Send = { at: Date.now(), draft: withoutSecrets(draft), answer: null, error: null }
  const put = (change: Partial<Send> | null): void => {
    const others = (sends.get(step.name) ?? []).filter((each) => each.at !== begun.at)
    sends.set(step.name, change === null ? others : [{ ...begun, ...change }, ...others].slice(0, SENDS_MAX))
  }
  put({})
  try {
    put({ answer: answerOf(await sendRequest(requestOf(step, draft), signal)) })
  } catch (error) {
    if (signal.aborted) put(null)
    else put({ error: error instanceof RequestFailed ? error : new RequestFailed(0, String(error)) })
  }
}
