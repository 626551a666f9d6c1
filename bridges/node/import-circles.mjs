/**
 * ESLint rule that refuses imports which lead back to their own file, also those of types alone: two files that need each
 * other's types cannot be read, tested or moved one at a time.
 */
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'

/** Names that stand for a source file; others, such as style sheets, import nothing. */
const SOURCE = /^\..*\.tsx?$/
const IMPORT = /^(?:import|export)\b[^'"]*?from '(\.[^']+)'/gm

/** The files of this project that a file imports or exports from. */
function importedBy(file, known) {
  let files = known.get(file)
  if (files === undefined) {
    const found = [...readFileSync(file, 'utf8').matchAll(IMPORT)]
    files = found.map(([, name]) => name).filter((name) => SOURCE.test(name)).map((name) => resolve(dirname(file), name))
    known.set(file, files)
  }
  return files
}

/** A way from `file` to `goal`, both included; null when there is none. */
function wayTo(goal, file, known, seen = new Set()) {
  if (file === goal) return [file]
  if (seen.has(file)) return null
  seen.add(file)
  for (const next of importedBy(file, known)) {
    const rest = wayTo(goal, next, known, seen)
    if (rest !== null) return [file, ...rest]
  }
  return null
}

export const importCircles = {
  meta: { type: 'problem', schema: [], messages: { circle: 'This import is part of a circle: {{way}}.' } },
  create(context) {
    // Files of a run may change between two lints of an editor, so nothing is kept longer than one file takes.
    const known = new Map()
    const look = (node) => {
      const name = node.source?.value
      if (typeof name !== 'string' || !SOURCE.test(name)) return
      const way = wayTo(context.filename, resolve(dirname(context.filename), name), known)
      const named = way === null ? [] : [context.filename, ...way].map((file) => relative(context.cwd, file))
      if (way !== null) context.report({ node, messageId: 'circle', data: { way: named.join(' → ') } })
    }
    return { ImportDeclaration: look, ExportNamedDeclaration: look, ExportAllDeclaration: look }
  },
}
