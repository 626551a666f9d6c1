import { Download as DownloadIcon } from 'lucide-react'
import { useState } from 'react'
import { Button } from './Controls.tsx'

/** Save a text as a file. */
export const saveText = (name: string, text: string): void => { save(name, new Blob([text], { type: 'application/json' })) }

/** Save bytes, given in base64, as a file. */
export function saveBytes(name: string, base64: string): void {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0))
  save(name, new Blob([bytes], { type: 'application/octet-stream' }))
}

function save(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

/** Button that reads a text when it is pressed and saves it as a file. */
export function Download({ words, name, read }: { words: string; name: string; read: () => Promise<string> }) {
  const [state, setState] = useState<'ready' | 'reading' | 'failed'>('ready')
  const save = async (): Promise<void> => {
    setState('reading')
    try {
      saveText(name, await read())
      setState('ready')
    } catch {
      setState('failed')
    }
  }
  return (
    <Button disabled={state === 'reading'} onClick={() => void save()}>
      <DownloadIcon size={15} aria-hidden /> {state === 'failed' ? `${words}: that failed, try again` : words}
    </Button>
  )
}
