import { useQuery } from '@tanstack/react-query'
import type { StreamSubscribers } from '../../api/results.ts'
import { subscribersQuery } from '../../services/data.ts'
import { useAnnounced } from '../../ui/Announcer.tsx'
import { counted } from '../../ui/time.ts'

/** How many clients follow a stream at this moment, or one of its groups. */
export function Subscribers({ stream, group }: { stream: string; group?: string }) {
  const { data } = useQuery(subscribersQuery(stream))
  const words = data ? counted(group === undefined ? data.total : of(data, group), 'subscriber') : ''
  useAnnounced('subscribers', words)
  return words && <span>{words}</span>
}

const of = (data: StreamSubscribers, group: string): number =>
  data.subscribers.filter((each) => each.group === group).reduce((sum, each) => sum + each.subscribers, 0)
