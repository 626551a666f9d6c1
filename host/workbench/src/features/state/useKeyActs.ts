import { useEffect, useState } from 'react'
import { removeValue, removeValues, renameValue, restoreValues } from '../../services/data.ts'
import type { RequestFailed } from '../../services/http.ts'
import { useChange } from '../../services/useChange.ts'
import { removedOf } from './model.ts'

const UNDO_MS = 10_000

/** Values that were just deleted, and can be put back. */
export interface Removed {
  values: readonly { key: string; source: string }[]
}

/** Deletion and renaming of the value that is shown, and how they went. */
export interface ValueActs {
  isPending: boolean
  error: RequestFailed | null
  /** Null deletes whatever version there is. */
  remove: (key: string, version: string | null) => void
  renameError: RequestFailed | null
  rename: (key: string, to: string, version: string) => void
}

/** Changes of keys. They are asked here, not in the panel: the feed may close that before the host has answered. */
export function useKeyActs(group: string, selected: string | undefined, onRemoved: () => void, onRenamed: (key: string) => void) {
  const [removed, setRemoved] = useState<Removed | null>(null)
  const one = useChange(removeValue)
  const many = useChange(removeValues)
  const move = useChange(renameValue)
  const restore = useChange(restoreValues)
  const stays = restore.isPending || restore.error !== null || (restore.data?.length ?? 0) > 0
  useEffect(() => {
    if (removed === null || stays) return
    const timer = setTimeout(() => { setRemoved(null) }, UNDO_MS)
    return () => { clearTimeout(timer) }
  }, [removed, stays])
  const keep = (values: Removed['values']): void => {
    restore.reset()
    setRemoved({ values })
    onRemoved()
  }
  const acts: ValueActs = {
    isPending: one.isPending || move.isPending,
    error: one.variables?.key === selected ? one.error : null,
    remove: (key, version) => {
      one.mutate({ group, key, version }, { onSuccess: (result) => { keep([{ key, source: removedOf(result) }]) } })
    },
    renameError: move.variables?.key === selected ? move.error : null,
    rename: (key, to, version) => {
      move.mutate({ group, key, to, version }, { onSuccess: () => { onRenamed(to) } })
    },
  }
  return {
    acts,
    removed,
    removeMany: (keys: readonly string[]): void => {
      many.mutate({ group, keys }, { onSuccess: (found) => { keep(found.map(({ key, result }) => ({ key, source: removedOf(result) }))) } })
    },
    isRemoving: many.isPending,
    error: many.error,
    undo: (): void => {
      if (removed === null) return
      restore.mutate({ group, values: removed.values }, { onSuccess: (taken) => { if (taken.length === 0) setRemoved(null) } })
    },
    undoError: restore.error,
    taken: restore.data ?? [],
    isRestoring: restore.isPending,
  }
}
