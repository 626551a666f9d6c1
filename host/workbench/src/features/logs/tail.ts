import type { LogLine } from '../../services/shapes.ts'
import { LineRing } from './ring.ts'

/** Part of the lines that match, as the operation `logs` lists them. */
export interface Asked {
  limit: number
  /** Lines behind this id, oldest first. */
  after?: number
  /** Lines before this id, newest first; without both the newest. */
  cursor?: string
}

export type AskLines = (asked: Asked, signal?: AbortSignal) => Promise<{ logs: LogLine[]; cursor: string | null }>

const PAGE = 1000
/** Pages that are read at once, while it follows and while it is paused. */
const PAGES_MAX = 10
const PAUSED_PAGES_MAX = 3

/**
 * The lines of one filter that are in the page: always a part without gaps. While it follows, the newest come in and the
 * oldest go; while it is paused nothing goes, and what does not fit any more is only known to be there.
 */
export class LogTail {
  readonly ring: LineRing
  /** The host has lines before the first one. */
  hasOlder = false
  /** The host has lines behind the last one that were not read. */
  isBehind = false
  isFollowing: boolean
  /** Lines were read at least once. */
  isRead = false
  private pausedAt = 0
  private version = 0
  private shown = 0
  private due = false
  private readingOlder: Promise<boolean> | null = null
  private readonly listeners = new Set<() => void>()
  private readonly ask: AskLines
  private readonly first: number | undefined
  private readonly soon: (act: () => void) => void

  /** `line` is the id of one that is opened: the tail begins there, and is paused. */
  constructor(ask: AskLines, line?: number, max?: number, soon: (act: () => void) => void = nextFrame) {
    this.ask = ask
    this.first = line
    this.isFollowing = line === undefined
    this.ring = new LineRing(max)
    this.soon = soon
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Version that readers were last told of. */
  readonly snapshot = (): number => this.shown

  /** Lines that have come since the pause. */
  get news(): number {
    return this.isFollowing ? 0 : this.ring.end - Math.max(this.pausedAt, this.ring.begin)
  }

  /** Read what has come since the last time. */
  async readNewer(signal?: AbortSignal): Promise<void> {
    const isFirst = !this.isRead
    if (isFirst) await this.begin(signal)
    for (let page = 0; this.mayRead(page); page++) {
      if (page === PAGES_MAX) return this.jump(signal)
      const room = this.isFollowing ? PAGE : Math.min(PAGE, this.ring.max - this.ring.length)
      const { logs } = await this.ask({ limit: room, after: this.ring.last?.id ?? 0 }, signal)
      const before = this.ring.begin
      this.ring.append(logs)
      if (this.ring.begin > before) this.hasOlder = true
      if (isFirst) this.pausedAt = this.ring.end
      if (logs.length > 0) this.changed()
      if (logs.length < room) return
    }
    if (!this.isBehind) {
      this.isBehind = true
      this.changed()
    }
  }

  /** Let the next read go on where the last one stopped, though it is paused. */
  readOn(): void {
    if (!this.ring.isFull) this.isBehind = false
  }

  /** Read a part of what came before the first line; whether there was any. */
  readOlder(): Promise<boolean> {
    this.readingOlder ??= this.older().finally(() => {
      this.readingOlder = null
    })
    return this.readingOlder
  }

  pause(): void {
    if (!this.isFollowing) return
    this.isFollowing = false
    this.pausedAt = this.ring.end
    this.changed()
  }

  /** Show the newest lines again; returns whether they have to be read first. */
  follow(): boolean {
    this.isFollowing = true
    const wasBehind = this.isBehind
    this.isBehind = false
    this.changed()
    return wasBehind
  }

  private mayRead(page: number): boolean {
    return this.isFollowing || (!this.ring.isFull && !this.isBehind && page < PAUSED_PAGES_MAX)
  }

  private async begin(signal?: AbortSignal): Promise<void> {
    const from = this.first === undefined ? {} : { cursor: String(this.first + 1) }
    const { logs, cursor } = await this.ask({ limit: PAGE, ...from }, signal)
    this.ring.append(logs.toReversed())
    this.hasOlder = cursor !== null
    this.isRead = true
    this.pausedAt = this.ring.end
    this.changed()
  }

  /** Go to the newest lines: too many have come to read them all. */
  private async jump(signal?: AbortSignal): Promise<void> {
    const { logs, cursor } = await this.ask({ limit: PAGE }, signal)
    this.ring.clear()
    this.ring.append(logs.toReversed())
    this.hasOlder = cursor !== null
    this.isBehind = false
    this.changed()
  }

  private async older(): Promise<boolean> {
    const { first } = this.ring
    if (!this.hasOlder || first === undefined || this.ring.isFull) return false
    const { logs, cursor } = await this.ask({ limit: PAGE, cursor: String(first.id) })
    // Meanwhile the tail may have gone on: then these lines do not lie in front of it any more.
    if (this.ring.first !== first) return false
    const added = this.ring.prepend(logs.toReversed())
    this.hasOlder = cursor !== null || added < logs.length
    this.changed()
    return added > 0
  }

  /** Tell readers at most once a frame. */
  private changed(): void {
    this.version += 1
    if (this.due) return
    this.due = true
    this.soon(() => {
      this.due = false
      this.shown = this.version
      for (const each of this.listeners) each()
    })
  }
}

/** At the next frame; at once where there are none, since the page is hidden. */
function nextFrame(act: () => void): void {
  if (document.visibilityState === 'hidden') queueMicrotask(act)
  else requestAnimationFrame(act)
}
