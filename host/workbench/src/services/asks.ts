import { callText } from './http.ts'

/** Answer an ask with JSON text, whose numbers are sent as they are written. */
export const answerAsk = ({ id, source, by }: { id: string; source: string; by: string }): Promise<string> =>
  callText('answer', { id, ...(by === '' ? {} : { by }) }, { member: 'value', source })
