import { membersOf, pretty } from '../../ui/exact.ts'

/** Value of a key as it was read: its JSON text and the version that a change has to name. */
export interface Read {
  source: string
  version: string
}

export function readOf(result: string): Read {
  const members = membersOf(result)
  return { source: members.get('value') ?? 'null', version: JSON.parse(members.get('version') ?? '""') as string }
}

/** What a deletion removed, so that it can be put back. */
export const removedOf = (result: string): string => membersOf(result).get('before') ?? 'null'

/**
 * Edit of a value. `base` is what the reader began with; `theirs` is there once the host has refused to overwrite what
 * somebody else wrote meanwhile: `null` in it stands for a value that was deleted.
 */
export interface Draft {
  text: string
  base: Read | null
  theirs?: Read | null
}

export const draftOf = (base: Read): Draft => ({ text: pretty(base.source), base })

export const conflicted = (draft: Draft, theirs: Read | null): Draft => ({ ...draft, theirs })

/** Keep what the reader wrote; it is compared from now on with what is there. */
export const keptMine = (draft: Draft): Draft => ({ text: draft.text, base: draft.theirs ?? null })

/** Version that the host has to find when the draft is saved. */
export const versionOf = (draft: Draft): string => draft.base?.version ?? ''

export function sizeWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1_048_576) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** Text of the value alone, of a result that may be too large to read into parts. */
export const valueTextOf = (result: string): string =>
  result.replace(/^\s*\{\s*"value"\s*:\s*/, '').replace(/,\s*"version"\s*:\s*"[^"]*"\s*\}\s*$/, '')
