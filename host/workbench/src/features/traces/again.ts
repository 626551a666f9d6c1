import { createContext } from 'react'

/** Whether the form that runs the selected run again is open, and how to open and close it. */
export const AgainContext = createContext<readonly [open: boolean, change: (open: boolean) => void]>([false, () => undefined])
