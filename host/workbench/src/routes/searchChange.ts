import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import type { Search } from '../services/search.ts'

/** State of a view that lives in the URL, and how to change parts of it. */
export function useSearchChange<T extends object>(parse: (search: Search) => T): [T, (change: Partial<T>) => void] {
  const raw: Search = useSearch({ strict: false })
  const navigate = useNavigate()
  const change = useCallback(
    (part: Partial<T>) => {
      void navigate({ to: '.', search: (old: Search) => ({ ...old, ...asTexts(part) }), replace: true })
    },
    [navigate],
  )
  return [useMemo(() => parse(raw), [parse, raw]), change]
}

function asTexts(part: object): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [
      name,
      value === true ? 'on' : value === false || value === '' || value === undefined ? undefined : String(value),
    ]),
  )
}
