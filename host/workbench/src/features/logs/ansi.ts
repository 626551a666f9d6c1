// Text of a terminal as parts with a colour's name. Other control sequences are left out; nothing becomes markup.

export interface Part {
  text: string
  colour: string
  bold: boolean
}

const COLOURS = ['quiet', 'failed', 'ok', 'warning', 'accent', 'waiting', 'running', '']
 
const SEQUENCE = /\u001b(?:\[([\d;]*)([A-Za-z])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g

export function ansiParts(text: string): Part[] {
  if (!text.includes('\u001b')) return [{ text, colour: '', bold: false }]
  const parts: Part[] = []
  let state = { colour: '', bold: false }
  let from = 0
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > from) parts.push({ text: text.slice(from, match.index), ...state })
    from = match.index + match[0].length
    if (match[2] === 'm') state = follow(state, (match[1] ?? '').split(';').map(Number))
  }
  if (from < text.length) parts.push({ text: text.slice(from), ...state })
  return parts
}

function follow(state: { colour: string; bold: boolean }, codes: number[]): { colour: string; bold: boolean } {
  let { colour, bold } = state
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4
    else if (code === 0) [colour, bold] = ['', false]
    else if (code === 1 || code === 22) bold = code === 1
    else if (code === 39) colour = ''
    else if (code >= 30 && code <= 37) colour = COLOURS[code - 30] ?? ''
    else if (code >= 90 && code <= 97) colour = COLOURS[code - 90] ?? ''
  }
  return { colour, bold }
}
