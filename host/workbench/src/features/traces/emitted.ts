import { membersOf } from '../../ui/exact.ts'

/** Data of an emit as JSON text, of the result of `trace_operation`; `null` where the trace holds only a part of it. */
export function emittedData(result: string): string | null {
  const data = membersOf(membersOf(result).get('operation') ?? '{}').get('data')
  return data === undefined || (data.startsWith('{') && membersOf(data).has('$cut')) ? null : data
}
