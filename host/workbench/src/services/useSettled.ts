import { useEffect, useState } from 'react'

const SETTLED_MS = 150

/** Value as it was when it last stood still for a moment. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(value)
    }, SETTLED_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [value])
  return settled
}
