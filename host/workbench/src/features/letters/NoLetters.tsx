import { Link } from '@tanstack/react-router'
import { Button } from '../../ui/Controls.tsx'
import { Empty } from '../../ui/Notices.tsx'

/** Says why the list is empty. */
export function NoLetters({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) {
    return (
      <Empty title="Nothing matches">
        <Button onClick={onClear}>Clear the filters</Button>
      </Empty>
    )
  }
  return (
    <Empty title="No dead letters">
      <p>An event that keeps failing, or that cannot be delivered, is kept here with its error until it is replayed or discarded.</p>
      <Link to="/queues" search={{}}>
        Queues
      </Link>
    </Empty>
  )
}
