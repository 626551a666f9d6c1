import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { quoted } from '../../services/search.ts'
import { isOdd } from '../../ui/names.ts'

interface Props {
  group: string
  className?: string
  row?: number
  children: ReactNode
}

/** Link to the page of a group. A name that cannot stand in a path stands in the query. */
export function GroupLink({ group, className, row, children }: Props) {
  if (isOdd(group)) {
    return (
      <Link to="/state" search={{ group: quoted(group) }} className={className} data-row={row}>
        {children}
      </Link>
    )
  }
  return (
    <Link to="/state/$group" params={{ group }} search={{}} className={className} data-row={row}>
      {children}
    </Link>
  )
}
