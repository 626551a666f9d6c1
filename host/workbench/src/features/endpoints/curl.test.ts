import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { curlOf } from './curl.ts'

const HOSTILE = ["'", "''; rm -rf /; '", '$(touch /tmp/x)', '`id`', '"; echo "', '\\', '!!', '\n', ' ', '*', '~', '-o /etc/passwd', '@/etc/passwd', '{a,b}', '[1-9]', 'é😀', '\u202e', '--', '&|<>;']

/** Words that a shell makes of a command; `curl` is a function that prints them. */
function words(command: string): string[] {
  const printed = execFileSync('sh', ['-c', `curl() { for word in "$@"; do printf '%s\\0' "$word"; done; }\n${command}`], { encoding: 'utf8' })
  return printed.split('\0').slice(0, -1)
}

it('gives the shell every text as it is', () => {
  for (const text of HOSTILE) {
    const header = text.replaceAll('\n', ' ')
    const found = words(curlOf('http://127.0.0.1:3000', { method: 'POST', path: `/x?q=${encodeURIComponent(text)}`, headers: { 'x-text': header, 'content-type': 'application/json' }, body: text }))
    expect(found.slice(-2)).toEqual(['--data-raw', text])
    expect(found).toContain(`x-text: ${header}`)
    expect(found).toContain(`http://127.0.0.1:3000/x?q=${encodeURIComponent(text)}`)
  }
})

it('sends what the page sends: no form type, empty headers, no patterns in addresses', () => {
  expect(words(curlOf('http://h', { method: 'POST', path: '/x', headers: { 'x-empty': '' }, body: 'a=1' }))).toEqual(['-X', 'POST', 'http://h/x', '-H', 'x-empty;', '-H', 'content-type: text/plain', '--data-raw', 'a=1'])
  expect(words(curlOf('http://h', { method: 'GET', path: '/x[1]', headers: {} }))).toEqual(['--globoff', 'http://h/x[1]'])
  expect(words(curlOf('http://h', { method: 'HEAD', path: '/', headers: {} }))).toEqual(['--head', 'http://h/'])
})
