// Difference of two texts: by lines where they have several, else by words.

export interface Piece {
  mark: 'same' | 'added' | 'removed'
  text: string
}

const PARTS_MAX = 1500

/** Pieces that make both texts: without the added ones the first, without the removed ones the second. */
export function piecesOf(before: string, after: string): Piece[] {
  const split = (before + after).includes('\n') ? /(?<=\n)/ : /(?<=\s)/
  const [a, b] = [before.split(split), after.split(split)]
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const middle = changed(a.slice(head, a.length - tail), b.slice(head, b.length - tail))
  return joined([...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)])
}

const same = (text: string): Piece => ({ mark: 'same', text })
const removed = (text: string): Piece => ({ mark: 'removed', text })
const added = (text: string): Piece => ({ mark: 'added', text })

/** By the longest common sequence; texts of very many parts that differ are shown whole, one after the other. */
function changed(a: readonly string[], b: readonly string[]): Piece[] {
  if (a.length > PARTS_MAX || b.length > PARTS_MAX) return [...a.map(removed), ...b.map(added)]
  const width = b.length + 1
  const lengths = new Uint16Array((a.length + 1) * width)
  const at = (x: number, y: number): number => lengths[x * width + y] ?? 0
  for (let x = a.length - 1; x >= 0; x--) {
    for (let y = b.length - 1; y >= 0; y--) lengths[x * width + y] = a[x] === b[y] ? at(x + 1, y + 1) + 1 : Math.max(at(x + 1, y), at(x, y + 1))
  }
  const pieces: Piece[] = []
  let [x, y] = [0, 0]
  while (x < a.length || y < b.length) {
    const [left, right] = [a[x], b[y]]
    if (left !== undefined && left === right) {
      pieces.push(same(left))
      x++
      y++
    } else if (left !== undefined && (right === undefined || at(x + 1, y) >= at(x, y + 1))) {
      pieces.push(removed(left))
      x++
    } else {
      pieces.push(added(right ?? ''))
      y++
    }
  }
  return pieces
}

/** Neighbours of one mark as one piece; empty ones go. */
function joined(pieces: readonly Piece[]): Piece[] {
  const found: Piece[] = []
  for (const { mark, text } of pieces) {
    const last = found.at(-1)
    if (text === '') continue
    if (last?.mark === mark) last.text += text
    else found.push({ mark, text })
  }
  return found
}
