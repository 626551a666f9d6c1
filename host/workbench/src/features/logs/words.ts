import type { LogLine } from '../../services/shapes.ts'
import { iso } from '../../ui/time.ts'

// Words of the search field, written as the host reads them: `late -poll item=vase "two words"`.

const WORD = /-?(?:"(?:[^"\\]|\\.)*"|\S+)/g

/** One word, in quotes where it needs them. */
export const wordOf = (text: string): string =>
  /^[^\s"-][^\s"]*$/.test(text) ? text : `"${text.replace(/["\\]/g, (mark) => `\\${mark}`)}"`

/** The text with one word more; one that is there already, or its opposite, is not there twice. */
export function withWord(text: string, word: string): string {
  const opposite = word.startsWith('-') ? word.slice(1) : `-${word}`
  const others = (text.match(WORD) ?? []).filter((each) => each !== word && each !== opposite)
  return [...others, word].join(' ')
}

export interface FieldWord {
  name: string
  value: string
  word: string
}

/** Fields whose values are short enough to be chips, each with the word that finds lines with the same. */
export function fieldWords(fields: LogLine['fields']): FieldWord[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (typeof value === 'object' && value !== null) return []
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (!/^[\w.-]+$/.test(name) || text === '' || text.length > CHIP_CHARS_MAX) return []
    return [{ name, value: text, word: wordOf(`${name}=${text}`) }]
  })
}

const CHIP_CHARS_MAX = 80

/** Line as it is copied and read by a person. */
export function lineText(line: LogLine): string {
  const fields = Object.keys(line.fields).length > 0 ? ` ${JSON.stringify(line.fields)}` : ''
  return `${iso(line.time)} ${line.level.toUpperCase()} ${line.step ?? line.source} ${line.message}${fields}`
}

/** Line as it is copied for a program; the time as a text, as in the download. */
export const lineJson = (line: LogLine): string => JSON.stringify({ ...line, time: iso(line.time) }, null, 2)
