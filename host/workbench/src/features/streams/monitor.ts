import type { Frame, Way } from '../../services/streamFrames.ts'

// Which frames a reader sees, and what they are called.

export const WAY_WORDS: Record<Way, string> = { in: 'In', out: 'Out', page: 'Page' }

export interface FrameFilter {
  q: string
  kind: string
  way: string
}

/** Newest first: frames after `from` up to `until` that the filter lets through. */
export function listedFrames(frames: readonly Frame[], { q, kind, way }: FrameFilter, from: number, until: number | null): readonly Frame[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const found = frames.filter((each) => {
    if (each.n <= from || (until !== null && each.n > until)) return false
    if ((kind !== '' && each.kind !== kind) || (way !== '' && each.way !== way)) return false
    if (words.length === 0) return true
    const text = `${each.kind} ${each.text}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  return found.reverse()
}

/** Kinds of the frames that are kept, for a choice. */
export const kindsOf = (frames: readonly Frame[]): readonly string[] => [...new Set(frames.map((each) => each.kind))].sort()

export function bytesWords({ bytes, way }: Frame): string {
  if (way === 'page') return ''
  if (bytes < 1024) return `${bytes} B`
  const kib = bytes / 1024
  return kib < 1024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1024).toFixed(1)} MiB`
}

const EVENT = /"event":\{"type":"[^"]*","(?:data|event)":/
const ASKED = /^\{"type":"[^"]*","data":/
const ROW_CHARS_MAX = 200

/** What is special about a frame, for its row: the names that all frames of a group have are left out. */
export function rowText({ text, way }: Frame): string {
  const found = way === 'page' ? null : (way === 'in' ? EVENT : ASKED).exec(text)
  if (found === null) return text.slice(0, ROW_CHARS_MAX)
  const begin = found.index + found[0].length
  return text.slice(begin, Math.min(begin + ROW_CHARS_MAX, text.length - (way === 'in' ? 2 : 1)))
}

/** Frames as a file, oldest first, one a line; the text of a frame stays text, so that each byte is as it was. */
export function framesText(listed: readonly Frame[]): string {
  return [...listed]
    .reverse()
    .map(({ at, way, kind, bytes, text, cut }) => `${JSON.stringify({ at: new Date(at).toISOString(), way, kind, bytes, text, ...(cut && { cut }) })}\n`)
    .join('')
}
