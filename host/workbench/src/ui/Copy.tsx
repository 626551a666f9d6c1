import { Check, Copy as CopyIcon } from 'lucide-react'
import { useState } from 'react'
import { Button } from './Controls.tsx'

/** Button that copies a text and says so; `label` stands beside the icon. */
export function Copy({ text, what, label }: { text: string; what: string; label?: string }) {
  const [copied, setCopied] = useState(false)
  const words = copied ? `Copied ${what}` : `Copy ${what}`
  return (
    <Button
      quiet
      icon={label === undefined}
      aria-label={words}
      title={words}
      onBlur={() => {
        setCopied(false)
      }}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(
          () => {
            setCopied(true)
          },
          () => {
            setCopied(false)
          },
        )
      }}
    >
      {copied ? <Check size={14} aria-hidden /> : <CopyIcon size={14} aria-hidden />}
      {label}
    </Button>
  )
}
