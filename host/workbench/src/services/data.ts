import { queryOptions } from '@tanstack/react-query'
import { RequestFailed, call, callText } from './http.ts'

// State and streams: lists in parts as the host cuts them, values as their source text.

export const DATA_PAGE = 500
/** Larger values are not shown, but saved as a file. */
export const SHOWN_BYTES_MAX = 1_048_576

interface Part {
  prefix: string
  /** Cursor of the part before; the empty text is the beginning. */
  after: string
}

const cut = ({ prefix, after }: Part) => ({ limit: DATA_PAGE, prefix, cursor: after || null })

export const groupsQuery = (part: Part) =>
  queryOptions({ queryKey: ['state_groups', part] as const, queryFn: ({ signal }) => call('state_groups', cut(part), { signal }) })

export const keysQuery = (group: string, part: Part) =>
  queryOptions({
    queryKey: ['state_keys', { group, ...part }] as const,
    queryFn: ({ signal }) => call('state_keys', { group, ...cut(part) }, { signal }),
  })

/** Size of the value of a key; `null` when there is none. The key itself is the first one that begins with it. */
export const sizeQuery = (group: string, key: string) =>
  queryOptions({
    queryKey: ['state_keys', { group, key }] as const,
    queryFn: async ({ signal }) => {
      const { keys } = await call('state_keys', { group, prefix: key, limit: 1 }, { signal })
      return keys[0]?.key === key ? keys[0].bytes : null
    },
  })

export const valueQuery = (group: string, key: string) =>
  queryOptions({
    queryKey: ['state_value', { group, key }] as const,
    queryFn: ({ signal }) => callText('state_value', { group, key }, { signal }),
  })

export const streamGroupsQuery = (stream: string, part: Part) =>
  queryOptions({
    queryKey: ['stream_groups', { stream, ...part }] as const,
    queryFn: ({ signal }) => call('stream_groups', { stream, ...cut(part) }, { signal }),
  })

export const itemsQuery = (stream: string, group: string, after: string) =>
  queryOptions({
    queryKey: ['stream', { stream, group, after }] as const,
    queryFn: ({ signal }) => callText('stream', { stream, group, limit: DATA_PAGE, cursor: after || null }, { signal }),
  })

export const itemQuery = (stream: string, group: string, id: string) =>
  queryOptions({
    queryKey: ['stream_item', { stream, group, id }] as const,
    queryFn: ({ signal }) => callText('stream_item', { stream, group, id }, { signal }),
  })

interface Place {
  group: string
  key: string
}

/** Write a value, given as JSON text, if it still has a version; the empty text stands for no value. */
export const writeValue = (place: Place & { version: string; source: string }): Promise<string> =>
  callText('state_set', { group: place.group, key: place.key, version: place.version }, { member: 'value', source: place.source })

/** Remove a value, if it still has a version when one is given; the result holds what was there. */
export const removeValue = (place: Place & { version: string | null }): Promise<string> => callText('state_delete', place)

export const readValue = ({ group, key }: Place): Promise<string> => callText('state_value', { group, key })

interface ItemPlace {
  stream: string
  group: string
  id: string
}

export const writeItem = ({ source, ...place }: ItemPlace & { source: string }): Promise<string> =>
  callText('stream_set', place, { member: 'data', source })

export const removeItem = (place: ItemPlace): Promise<string> => callText('stream_delete', place)

// Who has written: writes of steps by their traces, those of operators by the log.

const HISTORY_PAGE = 20

export const stateHistoryQuery = (group: string, key: string) =>
  queryOptions({
    queryKey: ['state_history', { group, key }] as const,
    queryFn: ({ signal }) => call('state_history', { group, key, limit: HISTORY_PAGE }, { signal }),
  })

/** Writes of an item, or without an id the events that were sent to a group. */
export const streamHistoryQuery = (stream: string, group: string, id: string | null) =>
  queryOptions({
    queryKey: ['stream_history', { stream, group, id }] as const,
    queryFn: ({ signal }) => call('stream_history', { stream, group, id, limit: HISTORY_PAGE }, { signal }),
  })

export const subscribersQuery = (stream: string) =>
  queryOptions({
    queryKey: ['stream_subscribers', { stream }] as const,
    queryFn: ({ signal }) => call('stream_subscribers', { stream }, { signal }),
  })

/** Move a value to another key of its group, if it still has a version. */
export const renameValue = ({ group, key, to, version }: Place & { to: string; version: string }) =>
  call('state_rename', { group, key, to, version })

/** Remove several values, one after the other; those that are gone already are left out of the result. */
export async function removeValues({ group, keys }: { group: string; keys: readonly string[] }): Promise<{ key: string; result: string }[]> {
  const removed: { key: string; result: string }[] = []
  for (const key of keys) {
    try {
      removed.push({ key, result: await callText('state_delete', { group, key, version: null }) })
    } catch (error) {
      if (!(error instanceof RequestFailed && error.status === 404)) throw error
    }
  }
  return removed
}

/** Write several values where there are none; returns the keys that somebody else has written meanwhile. */
export async function restoreValues({ group, values }: { group: string; values: readonly { key: string; source: string }[] }): Promise<string[]> {
  const taken: string[] = []
  for (const { key, source } of values) {
    try {
      await writeValue({ group, key, version: '', source })
    } catch (error) {
      if (!(error instanceof RequestFailed && error.status === 409)) throw error
      taken.push(key)
    }
  }
  return taken
}
