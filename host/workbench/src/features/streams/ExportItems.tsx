import { useState } from 'react'
import { callText } from '../../services/http.ts'
import { Button } from '../../ui/Controls.tsx'
import { saveText } from '../../ui/Download.tsx'
import { counted } from '../../ui/time.ts'
import edit from '../../ui/edit.module.css'
import { exported, fileName, fileText, type Format } from './exported.ts'

/** Items of a group as a file: all parts of it, as far as the filter lets them through. */
export function ExportItems({ stream, group, q }: { stream: string; group: string; q: string }) {
  const [said, setSaid] = useState('')
  const [reading, setReading] = useState(false)
  const save = async (format: Format): Promise<void> => {
    setReading(true)
    setSaid('')
    try {
      const { items, cut } = await exported((cursor) => callText('stream', { stream, group, limit: PAGE, cursor }), q)
      saveText(fileName([stream, group], format), fileText(items, format))
      setSaid(cut ? `Saved the first ${counted(items.length, 'item')}: the file would be too large` : `Saved ${counted(items.length, 'item')}`)
    } catch {
      setSaid('That failed: the host did not answer. Try again')
    }
    setReading(false)
  }
  return (
    <>
      <span className={edit.quiet} role="status">{said}</span>
      {(['json', 'ndjson'] as const).map((format) => (
        <Button key={format} disabled={reading} title={q === '' ? 'All items of the group' : 'All items of the group that the filter lets through'} onClick={() => void save(format)}>
          Download {format === 'json' ? 'JSON' : 'NDJSON'}
        </Button>
      ))}
    </>
  )
}

const PAGE = 500
