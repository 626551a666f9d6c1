import { Choice } from './choice.ts'

/** How tall the rows of lists are: by the pointer, or as the reader has chosen. */
export const density = new Choice('polystep.density', ['pointer', 'compact', 'default', 'coarse'])

export type Density = ReturnType<typeof density.chosen>

const PX: Partial<Record<Density, number>> = { compact: 26, default: 32, coarse: 44 }

/** Height of a row: as chosen, else dense for a mouse and tall for a finger; always tall where a row takes two lines. */
export function rowPx(fine: number, isCoarse: boolean, isNarrow: boolean): number {
  if (isNarrow) return 44
  return PX[density.chosen()] ?? (isCoarse ? 44 : fine)
}
