/** Event that is being written. */
export interface Draft {
  data: string
  fifoKey: string
}

/** Events of one press of the button. */
export const COPIES_MAX = 1000

/** Stands for the number of a copy, from 1; in a text or, without quotes, as a number. */
export const NUMBER = '{{i}}'

/** Number of copies that was typed; null when it is none. */
export function copiesOf(typed: string): number | null {
  const text = typed.trim()
  const count = text === '' ? 1 : /^\d{1,4}$/.test(text) ? Number(text) : 0
  return count >= 1 && count <= COPIES_MAX ? count : null
}

/** The draft of one of several copies; one alone is emitted as it is written. */
export const copyOf = (draft: Draft, number: number, count: number): Draft =>
  count === 1 ? draft : { data: draft.data.replaceAll(NUMBER, String(number)), fifoKey: draft.fifoKey.replaceAll(NUMBER, String(number)) }

/** What became of several copies; those that are left were not sent. */
export interface Outcome {
  count: number
  accepted: number
  /** Copies that the host has refused: their data does not fit. */
  refused: number
  /** Reason of the first that was not accepted, with its number. */
  reason: { number: number; message: string } | null
  ended: boolean
  stopped: boolean
}

export const begun = (count: number): Outcome => ({ count, accepted: 0, refused: 0, reason: null, ended: false, stopped: false })

/** What became of copies, in one sentence. */
export function outcomeWords({ count, accepted, refused, ended, stopped }: Outcome): string {
  const number = (value: number): string => value.toLocaleString('en')
  const left = count - accepted - refused
  const parts = [
    `${number(accepted)} of ${number(count)} accepted`,
    ...(refused > 0 ? [`${number(refused)} refused`] : []),
    ...(ended && left > 0 ? [`${number(left)} not sent${stopped ? ', as you stopped it' : ''}`] : []),
  ]
  return parts.join(', ')
}
