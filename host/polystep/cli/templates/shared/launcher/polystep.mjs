#!/usr/bin/env node
// Finds the polystep command, which is a Python program that need not be on PATH, and becomes it as far as Node
// can: same terminal, same signals, same exit status. Looks in this order:
//   1. POLYSTEP_COMMAND in the environment        2. the project's own .venv, then those of the folders above it
//   3. the command that created the project       4. PATH
// It installs nothing and asks no package registry: there the name polystep belongs to another project, whose command
// is recognised and passed over.

import { spawn } from 'node:child_process'
import { accessSync, constants, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { constants as system } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const WINDOWS = process.platform === 'win32'
const SELF = realpathSync(fileURLToPath(import.meta.url))
const NOT_FOUND = 127
const INSTALL_SCRIPTS = new Set(['preinstall', 'install', 'postinstall', 'prepare'])
const ORPHAN_CHECK_MS = 500

const INSTALL_HINT = `polystep was not found. It is a Python program that npm does not install, so every clone of this project needs it once.
Install it from a wheel or from its git repository, in one of these ways, then run this again:
  uv tool install /path/to/polystep_host-VERSION-py3-none-any.whl        for every project (or: pipx install …)
  uv tool install git+https://URL-OF-THE-POLYSTEP-REPOSITORY             the same, built from the repository
  python3 -m venv .venv && .venv/bin/pip install /path/to/polystep_host-VERSION-py3-none-any.whl        for this project
From a checkout of polystep: "make wheel" builds the wheel; or "make setup", then "/path/to/polystep/.venv/bin/polystep init"
in this folder, which notes where the command is.
Or set POLYSTEP_COMMAND to the path of the command. Do not install "polystep" by name: that package is another project.`

/** The folder that holds `launcher/`, also where npm copied this package instead of linking it. */
function projectFolder() {
  const parent = path.dirname(path.dirname(SELF))
  return path.basename(parent) === 'node_modules' ? path.dirname(parent) : parent
}

function isProgram(file) {
  try {
    accessSync(file, WINDOWS ? constants.F_OK : constants.X_OK)
    return statSync(file).isFile() && realpathSync(file) !== SELF
  } catch {
    return false
  }
}

/**
 * Whether the program belongs to the other project called polystep: its package is installed beside it, and ours is not.
 * A script that calls our command from elsewhere has neither.
 */
function isForeign(file) {
  const root = path.dirname(path.dirname(realpathSync(file)))
  const installed = sitePackages(root).flatMap(namesIn)
  return installed.some((name) => /^polystep-\d.*\.dist-info$/.test(name)) && !installed.some((name) => name.startsWith('polystep_host-'))
}

/** Where a Python installation has its packages. */
function sitePackages(root) {
  if (WINDOWS) return [path.join(root, 'Lib', 'site-packages')]
  const versions = namesIn(path.join(root, 'lib')).filter((name) => name.startsWith('python3'))
  return versions.flatMap((name) => ['site-packages', 'dist-packages'].map((kind) => path.join(root, 'lib', name, kind)))
}

function namesIn(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The polystep of the nearest .venv, from a folder upwards: a project may lie in a checkout of polystep. */
function inVenv(folder) {
  const file = path.join(folder, '.venv', WINDOWS ? 'Scripts/polystep.exe' : 'bin/polystep')
  if (isProgram(file) && !isForeign(file)) return file
  const parent = path.dirname(folder)
  return parent === folder ? undefined : inVenv(parent)
}

/** The first program of this name on PATH; npm's own bin folders hold this launcher and are left out. */
function onPath(name) {
  const npmBin = path.join('node_modules', '.bin')
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => folder !== '' && !path.normalize(folder).replace(/[\\/]+$/, '').endsWith(npmBin))
    .map((folder) => path.join(folder, WINDOWS ? `${name}.exe` : name))
    .find((file) => isProgram(file) && !isForeign(file))
}

function recordedCommand(project) {
  try {
    return readFileSync(path.join(project, '.polystep', 'command'), 'utf8').trim()
  } catch {
    return ''
  }
}

/** The program and its first arguments; undefined when there is none. */
function findCommand(project) {
  const chosen = process.env.POLYSTEP_COMMAND
  if (chosen) {
    const program = /[\\/]/.test(chosen) ? path.resolve(chosen) : onPath(chosen)
    if (program !== undefined && isProgram(program)) return [program]
    fail(`POLYSTEP_COMMAND is "${chosen}", which is not a program. Correct it, or unset it to search for polystep.`)
  }
  const recorded = recordedCommand(project)
  const program = inVenv(project) ?? (recorded !== '' && isProgram(recorded) ? recorded : onPath('polystep'))
  return program === undefined ? undefined : [program]
}

function fail(message) {
  console.error(message)
  // A script of `npm install` that fails would take the packages back that were installed.
  process.exit(INSTALL_SCRIPTS.has(process.env.npm_lifecycle_event) ? 0 : NOT_FOUND)
}

function run([program, ...first]) {
  const child = spawn(program, [...first, ...process.argv.slice(2)], { stdio: 'inherit' })

  // A terminal sends these to the child by itself: passing them on would make every Ctrl-C a double one. Without a
  // terminal they come from another program, to this process alone.
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const signal of ['SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      if (!terminal) child.kill(signal)
    })
  }
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  if (process.env.npm_lifecycle_event) stopWithParent(child)

  child.on('error', (error) => fail(`${program} could not be started: ${error.message}`))
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    // Reached where this process may not end by that signal: the shell's number for it says the same.
    setTimeout(() => process.exit(128 + (system.signals[signal] ?? 0)), 100)
  })
}

/**
 * `npm run` stands behind a shell. A SIGTERM to npm ends npm and that shell, and neither passes it on: without this,
 * the command would stay and keep its port.
 */
function stopWithParent(child) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    child.kill('SIGTERM')
  }, ORPHAN_CHECK_MS)
  timer.unref()
}

const command = findCommand(projectFolder())
if (command === undefined) {
  const recorded = recordedCommand(projectFolder())
  fail(recorded === '' ? INSTALL_HINT : `The command that made this project, ${recorded}, is gone.\n${INSTALL_HINT}`)
}
run(command)
