#!/usr/bin/env node
// The command `motia` for npm scripts that were written for Motia. Where the package motia is installed it is called,
// so nothing is shadowed; elsewhere polystep answers.

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The program of an installed motia package, from this package upwards; undefined when there is none. */
function installedMotia(folder) {
  const home = path.join(folder, 'node_modules', 'motia')
  if (existsSync(path.join(home, 'package.json'))) {
    const { bin } = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'))
    const program = typeof bin === 'string' ? bin : bin?.motia
    return program === undefined ? undefined : path.join(home, program)
  }
  const parent = path.dirname(folder)
  return parent === folder ? undefined : installedMotia(parent)
}

const self = realpathSync(fileURLToPath(import.meta.url))
const motia = installedMotia(path.dirname(self))
if (motia !== undefined) {
  process.argv[1] = motia
  await import(pathToFileURL(motia).href)
} else {
  process.argv.splice(2, 0, 'motia')
  await import('./polystep.mjs')
}
