import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import type { Sent } from '../../services/tryout.ts'
import { fetchOf, httpxOf, literal } from './code.ts'

// Each test starts programs, on a machine that may be busy.
const TIMEOUT_MS = 60_000

const HOSTILE = ["'", '"', '\\', '`${process.exit(1)}`', '"); process.exit(1); ("', '")\nimport os\nos._exit(1)\n("', '"""', "'''", '\n', '\r\n', '\t\b\f\u0000\u007f', '\u2028\u2029', '\u202e\u2066\u200b\ufeff', '</script>', '{x}', '%s', '\\u0041', '\\N{DASH}', '#{1}', 'é😀', '']

/** What `fetch` is given by a program, as Node runs it. */
function fetched(program: string): { url: string; method: string; headers: [string, string][]; body?: string } {
  const stub = 'const sent = []; globalThis.fetch = async (url, rest) => { sent.push({ url, ...rest }); return { status: 200, text: async () => "" } }; console.log = () => {}\n'
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', `${stub}${program}\nprocess.stdout.write(JSON.stringify(sent[0]))`], { encoding: 'utf8' })
  return JSON.parse(printed) as ReturnType<typeof fetched>
}

/** What `httpx.request` is given by a program, as Python runs it; bytes as text. */
function requested(program: string): { method: string; url: string; headers?: [string, string][]; content?: string; timeout: number } {
  const stub = `
import json, sys, types
def request(method, url, **rest):
    rest["headers"] = [[name, value.decode() if isinstance(value, bytes) else value] for name, value in rest.get("headers", [])]
    sys.stdout.write(json.dumps({"method": method, "url": url, **rest}))
    return types.SimpleNamespace(status_code=200, text="")
sys.modules["httpx"] = types.SimpleNamespace(request=request)
__builtins__.print = lambda *_: None
`
  return JSON.parse(execFileSync('python3', ['-c', `${stub}\n${program}`], { encoding: 'utf8' })) as ReturnType<typeof requested>
}

const all: Sent = {
  method: 'POST',
  path: `/x?q=${encodeURIComponent(HOSTILE.join(''))}`,
  headers: { ...Object.fromEntries(HOSTILE.map((text, at) => [`x-${at}`, text.replace(/[\r\n\0]/g, ' ')])), ['__proto__']: 'own', 'content-type': 'application/json' },
  body: HOSTILE.join('\n'),
}
const given = Object.entries(all.headers)

it('gives fetch every text as it is, what is not ASCII in a header as bytes', { timeout: TIMEOUT_MS }, () => {
  const { url, method, headers, body } = fetched(fetchOf('http://127.0.0.1:3000', all))
  expect([url, method, body]).toEqual([`http://127.0.0.1:3000${all.path}`, 'POST', all.body])
  expect(headers.map(([name, value]) => [name, Buffer.from(value, 'latin1').toString('utf8')])).toEqual(given)
  expect(() => new Headers(headers)).not.toThrow()
})

it('gives httpx every text as it is', { timeout: TIMEOUT_MS }, () => {
  expect(requested(httpxOf('http://127.0.0.1:3000', all))).toEqual({ url: `http://127.0.0.1:3000${all.path}`, method: 'POST', headers: given, content: all.body, timeout: 60 })
})

it('sends what the page sends: text without a type is plain text, a GET of fetch has no body', { timeout: TIMEOUT_MS }, () => {
  const plain: Sent = { method: 'POST', path: '/x', headers: {}, body: 'a=1' }
  expect(fetched(fetchOf('http://h', plain)).headers).toEqual([['content-type', 'text/plain']])
  expect(requested(httpxOf('http://h', plain)).headers).toEqual([['content-type', 'text/plain']])
  const get: Sent = { method: 'GET', path: '/x', headers: {} }
  expect(fetched(fetchOf('http://h', get))).toEqual({ url: 'http://h/x', method: 'GET' })
  expect(requested(httpxOf('http://h', get))).toEqual({ url: 'http://h/x', method: 'GET', headers: [], timeout: 60 })
  const withBody = fetchOf('http://h', { ...get, body: '{}' })
  expect(withBody).toContain('// fetch sends no body with GET')
  expect(fetched(withBody)).not.toHaveProperty('body')
  expect(requested(httpxOf('http://h', { ...get, body: '{}' })).content).toBe('{}')
})

it('hides no sign that turns or splits the text', () => {
  expect(literal('a\u202eb\u2028c\u200d')).toBe('"a\\u202eb\\u2028c\\u200d"')
})
