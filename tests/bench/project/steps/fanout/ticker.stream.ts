import type { StateStreamConfig } from 'motia'
import { z } from 'zod'

export const config: StateStreamConfig = {
  name: 'ticker',
  schema: z.object({ number: z.number(), at: z.number(), note: z.string() }),
  baseConfig: { storageType: 'default' },
}
