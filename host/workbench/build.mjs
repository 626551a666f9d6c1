// Builds the Workbench when something it is made of has changed since the last build: a set-up that has nothing to do
// costs one hash. The stamp is written last, so an interrupted build is done again.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = join(HERE, '..', '..')
const STAMP = join(HERE, 'dist', '.built')
const MADE_OF = ['src', 'public', 'index.html', 'package.json', 'tsconfig.json', 'vite.config.ts', 'shipped.ts', 'build.mjs']

const wanted = contentHash()
if (built() !== wanted) {
  console.log('Building the Workbench…')
  rmSync(STAMP, { force: true })
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
  execFileSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: HERE, stdio: 'inherit' })
  writeFileSync(STAMP, wanted)
}

function contentHash() {
  const hash = createHash('sha256')
  const files = [join(ROOT, 'package-lock.json'), ...MADE_OF.flatMap((name) => filesOf(join(HERE, name)))]
  for (const file of files) {
    if (file.includes('.test.')) continue
    hash.update(`${relative(ROOT, file)}\0`).update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

function filesOf(path) {
  let entries
  try {
    entries = readdirSync(path, { withFileTypes: true, recursive: true })
  } catch {
    return [path]
  }
  return entries.filter((each) => each.isFile()).map((each) => join(each.parentPath ?? each.path, each.name)).sort()
}

function built() {
  try {
    return readFileSync(STAMP, 'utf8')
  } catch {
    return ''
  }
}
