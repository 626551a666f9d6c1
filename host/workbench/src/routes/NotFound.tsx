import { Link } from '@tanstack/react-router'
import { Empty } from '../ui/Notices.tsx'
import { Page } from '../ui/Page.tsx'
import { PAGES } from './pages.ts'

export function NotFound() {
  return (
    <Page title="No such page">
      <Empty title="There is no page at this address">
        <p>
          {PAGES.map(({ to, words }) => (
            <span key={to}>
              <Link to={to} search={{}}>
                {words}
              </Link>{' '}
            </span>
          ))}
        </p>
      </Empty>
    </Page>
  )
}
