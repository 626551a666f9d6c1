import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const TEXT = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8')
const LIGHT = tokens(/:root \{([^}]*)\}/)
const THEMES = { light: LIGHT, dark: { ...LIGHT, ...tokens(/:root\[data-theme="dark"\] \{([^}]*)\}/) } }
const STATUSES = ['accent', 'ok', 'running', 'waiting', 'warning', 'failed']
const SURFACES = ['canvas', 'surface', 'sunken', 'raised']
const KINDS = ['http', 'run', 'emit', 'state', 'stream', 'call', 'llm', 'log']

describe.each(Object.entries(THEMES))('%s theme', (theme, colours) => {
  const light = theme === 'light'
  const contrast = (a: string, b: string): number => ratio(colour(colours, a), colour(colours, b))

  it.each(SURFACES)('text is read on %s', (surface) => {
    expect(contrast('text', surface)).toBeGreaterThanOrEqual(13)
    expect(contrast('text-2', surface)).toBeGreaterThanOrEqual(5.8)
    expect(contrast('edge', surface)).toBeGreaterThanOrEqual(3.2)
  })

  it.each(STATUSES)('the text of %s is read on its tint and on every surface', (status) => {
    for (const surface of [`${status}-tint`, ...SURFACES]) {
      expect(contrast(`${status}-text`, surface)).toBeGreaterThanOrEqual(light ? 4.6 : 5.2)
    }
    expect(contrast(`${status}-solid`, 'surface')).toBeGreaterThanOrEqual(3)
  })

  it.each(KINDS)('bars of %s are seen', (kind) => {
    expect(contrast(`kind-${kind}`, 'surface')).toBeGreaterThanOrEqual(light ? 3.1 : 4.0)
  })

  it('the label of a button is read', () => {
    expect(contrast('button-label', 'button-fill')).toBeGreaterThanOrEqual(4.6)
  })
})

function tokens(block: RegExp): Record<string, string> {
  const found = block.exec(TEXT)?.[1] ?? ''
  return Object.fromEntries([...found.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name = '', value = '']) => [name, value]))
}

function colour(colours: Record<string, string>, name: string): string {
  const value = colours[name] ?? ''
  const inner = /^var\(--([\w-]+)\)$/.exec(value)?.[1]
  return inner === undefined ? value : colour(colours, inner)
}

function ratio(a: string, b: string): number {
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (bright + 0.05) / (dim + 0.05)
}

function luminance(hex: string): number {
  expect(hex).toMatch(/^#[0-9a-f]{6}$/)
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
