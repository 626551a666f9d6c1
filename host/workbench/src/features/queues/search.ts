import type { QueueState } from '../../services/queue.ts'

/** State of the page that lives in its URL. */
export interface QueuesSearch {
  /** Step whose queue is beside the list. */
  step: string
  state: QueueState | ''
  /** FIFO key; any text, also the empty one. */
  fifoKey: string | undefined
  after: string
  /** Delivery that is opened. */
  id: number | undefined
}
