import type { Sent } from '../../services/tryout.ts'
import { typedHeaders } from './curl.ts'

// Programs that send a request again. Whatever a request holds stays inside of a string.

/**
 * A string literal that JavaScript and Python read alike. Signs that are not seen, among them those that turn the direction of
 * the text, are written as escapes: who reads the program sees what it sends.
 */
export const literal = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text)

/** Program in JavaScript that sends a request with `fetch`, in Node or in a browser. */
export function fetchOf(origin: string, sent: Sent): string {
  const { method, path, body } = sent
  const without = body !== undefined && (method === 'GET' || method === 'HEAD')
  // fetch takes one sign a byte: what is not ASCII is given as the bytes of UTF-8.
  const bytes = (text: string): string => (isAscii(text) ? text : String.fromCharCode(...new TextEncoder().encode(text)))
  const headers = typedHeaders(sent).map(([name, value]) => `    [${literal(name)}, ${literal(bytes(value))}],\n`)
  return [
    ...(without ? [`// fetch sends no body with ${method}: this request goes out without it.`] : []),
    `const response = await fetch(${literal(origin + path)}, {`,
    `  method: ${literal(method)},`,
    ...(headers.length > 0 ? [`  headers: [\n${headers.join('')}  ],`] : []),
    ...(body === undefined || without ? [] : [`  body: ${literal(body)},`]),
    '})',
    'console.log(response.status, await response.text())',
    '',
  ].join('\n')
}

/** Program in Python that sends a request with httpx. */
export function httpxOf(origin: string, sent: Sent): string {
  const { method, path, body } = sent
  // httpx takes text of ASCII as a header, and bytes.
  const headers = typedHeaders(sent).map(([name, value]) => `        (${literal(name)}, ${literal(value)}${isAscii(value) ? '' : '.encode()'}),\n`)
  return [
    'import httpx',
    '',
    'response = httpx.request(',
    `    ${literal(method)},`,
    `    ${literal(origin + path)},`,
    ...(headers.length > 0 ? [`    headers=[\n${headers.join('')}    ],`] : []),
    ...(body === undefined ? [] : [`    content=${literal(body)},`]),
    '    timeout=60,',
    ')',
    'print(response.status_code, response.text)',
    '',
  ].join('\n')
}
