import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Plugin, Rolldown } from 'vite'

/** Licences that may travel in the wheel. Copyleft is not among them. */
const ALLOWED = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense'])

interface Package {
  name: string
  version: string
  license: string
  folder: string
}

/**
 * Plugins that write the licence of every package that is shipped beside the bundle, and refuse those that may not be.
 * Workers are bundled apart, and before the pages that start them.
 */
export function shippedLicences(): { pages: () => Plugin; workers: () => Plugin } {
  const found = new Map<string, Package>()
  const collect = (bundle: Rolldown.OutputBundle): void => {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue
      for (const id of Object.keys(chunk.modules)) {
        const owner = packageOf(id)
        if (owner !== null) found.set(`${owner.name}@${owner.version}`, owner)
      }
    }
  }
  const workers = (): Plugin => ({
    name: 'shipped-licences-of-workers',
    apply: 'build',
    generateBundle(_, bundle) {
      collect(bundle)
    },
  })
  const pages = (): Plugin => ({
    name: 'shipped-licences',
    apply: 'build',
    generateBundle(_, bundle) {
      collect(bundle)
      const packages = [...found.values()].sort((a, b) => a.name.localeCompare(b.name))
      const refused = packages.filter((each) => !ALLOWED.has(each.license))
      if (refused.length > 0) {
        throw new Error(refused.map((each) => `${each.name} is ${each.license}, which may not be shipped.`).join('\n'))
      }
      const source = packages.map(notice).join('\n\n')
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source })
    },
  })
  return { pages, workers }
}

function packageOf(id: string): Package | null {
  const path = id.replace(/^\0/, '').split('?')[0] ?? ''
  if (!path.includes('/node_modules/')) return null
  for (let folder = dirname(path); folder.includes('/node_modules/'); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) continue
    const found = JSON.parse(readFileSync(file, 'utf8')) as Partial<Package>
    if (found.name && found.version) {
      return { name: found.name, version: found.version, license: found.license ?? 'unknown', folder }
    }
  }
  throw new Error(`${path} belongs to no package`)
}

function notice(each: Package): string {
  const file = readdirSync(each.folder).find((name) => /^licen[cs]e/i.test(name))
  const text = file === undefined ? '' : `\n\n${readFileSync(join(each.folder, file), 'utf8').trim()}`
  return `${each.name} ${each.version} (${each.license})${text}\n`
}
