// Of the events that went round since the start: how many, and how long the state write of each took.
export const rounds = { done: 0, writesMs: [] as number[] }
