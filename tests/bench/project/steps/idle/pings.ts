// Milliseconds from just before an emit to the start of the handler; a runner is one process, so its steps share them.
export const delaysMs: number[] = []
