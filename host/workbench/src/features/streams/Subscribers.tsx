import { useQuery } from '@tanstack/react-query'
import { subscribersQuery } from '../../services/data.ts'
import { counted } from '../../ui/time.ts'

/** How many clients follow a stream at this moment, or one of its groups. */
export function Subscribers({ stream, group }: { stream: string; group?: string }) {
  const { data } = useQuery(subscribersQuery(stream))
  if (!data) return null
  const count = group === undefined ? data.total : data.subscribers.filter((each) => each.group === group).reduce((sum, each) => sum + each.subscribers, 0)
  return <span role="status">{counted(count, 'subscriber')}</span>
}
