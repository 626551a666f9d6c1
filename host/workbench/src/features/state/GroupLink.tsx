import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { groupDoor } from '../../services/addresses.ts'

interface Props {
  group: string
  className?: string
  row?: number
  children: ReactNode
}

/** Link to the page of a group. A name that cannot stand in a path stands in the query. */
export function GroupLink({ group, className, row, children }: Props) {
  return (
    <Link {...groupDoor(group)} className={className} data-row={row}>
      {children}
    </Link>
  )
}
