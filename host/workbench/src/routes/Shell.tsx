import { Link, Outlet, useNavigate, useRouter, useRouterState } from '@tanstack/react-router'
import { CircleHelp, Command, LogOut, Monitor, Moon, Sun } from 'lucide-react'
import { Suspense, lazy, useEffect, useState, useSyncExternalStore } from 'react'
import { keyWords } from '../services/actions.ts'
import { useActions, useConnection, useHealth, useServices, useSession } from '../services/context.tsx'
import { signOut } from '../services/http.ts'
import { applyTheme, theme, type Theme } from '../ui/theme.ts'
import { Announcer } from '../ui/Announcer.tsx'
import { Button } from '../ui/Controls.tsx'
import { Boundary } from '../ui/Notices.tsx'
import { ConnectionWords } from './ConnectionWords.tsx'
import { Help } from './Help.tsx'
import { Navigation } from './Navigation.tsx'
import { PAGES } from './pages.ts'
import { useSettings } from './useSettings.ts'
import styles from './shell.module.css'

const Palette = lazy(() => import('../features/palette/Palette.tsx').then((module) => ({ default: module.Palette })))
const has = (page: string): boolean => PAGES.some((each) => each.to === page)

/** Frame of every page: navigation, connection, theme, help. */
export function Shell() {
  const { actions } = useServices()
  const navigate = useNavigate()
  const path = useRouterState({ select: (state) => state.location.pathname })
  const [help, setHelp] = useState(false)
  const [palette, setPalette] = useState<'never' | 'open' | 'closed'>('never')
  const router = useRouter()
  const offered = useSyncExternalStore(actions.subscribe, actions.list)
  const settings = useSettings()
  const lost = useConnection().kind === 'lost'

  useEffect(() => {
    document.addEventListener('keydown', actions.key)
    return () => {
      document.removeEventListener('keydown', actions.key)
    }
  }, [actions])
  useActions([
    ...PAGES.map(({ to, words, key }) => ({
      id: `go-${key}`,
      label: `Go to ${words}`,
      keys: ['g', key],
      group: 'Everywhere',
      perform: () => void navigate({ to, search: {} }),
    })),
    { id: 'go-start', label: 'Go to First steps', keys: [], group: 'Everywhere', perform: () => void navigate({ to: '/start', search: {} }) },
    { id: 'palette', label: 'Find anything', keys: ['Mod+k'], group: 'Everywhere', perform: () => { setPalette('open') } },
    { id: 'help', label: 'Show the keys', keys: ['?'], group: 'Everywhere', perform: () => { setHelp(true) } },
    ...settings,
  ])

  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#content">
        Skip to the content
      </a>
      <header className={styles.header}>
        <Link to="/" search={{}} className={styles.mark}>polystep</Link>
        <Navigation path={path} />
        <div className={styles.right}>
          <Broken />
          <ConnectionWords />
          <Button
            quiet
            icon
            aria-label="Find anything"
            title={`Find anything (${keyWords(['Mod+k'])})`}
            onClick={() => {
              setPalette('open')
            }}
          >
            <Command size={16} aria-hidden />
          </Button>
          <ThemeButton />
          <SignOut />
          <Button
            quiet
            icon
            aria-label="Keys and help"
            title="Keys and help (?)"
            onClick={() => {
              setHelp(true)
            }}
          >
            <CircleHelp size={16} aria-hidden />
          </Button>
        </div>
      </header>
      <main id="content" tabIndex={-1} className={`${styles.main} ${lost ? styles.stale : ''}`}>
        <Boundary place={path}>
          <Outlet />
        </Boundary>
      </main>
      <Announcer />
      {palette !== 'never' && (
        <Suspense>
          <Palette
            open={palette === 'open'}
            onClose={() => {
              setPalette('closed')
            }}
            actions={offered}
            has={has}
            go={(href) => {
              router.history.push(href)
            }}
          />
        </Suspense>
      )}
      <Help
        open={help}
        onClose={() => {
          setHelp(false)
        }}
      />
    </div>
  )
}

/** What is wrong with the project, on every page: the door to the list. */
function Broken() {
  const health = useHealth()
  const failures = health?.failures ?? 0
  const troubles = [
    ...(failures === 0 ? [] : [`${failures} ${failures === 1 ? 'file does' : 'files do'} not load`]),
    ...(health?.runnersMissing ?? []).map(({ runner }) => `${runner} does not run`),
    ...(health?.storage?.length ? ['the disk cannot be written'] : []),
  ]
  if (troubles.length === 0) return null
  return (
    <Link to="/steps" search={{}} className={styles.broken}>
      {troubles.join(', ')}
    </Link>
  )
}

/** Shown where the host asks for a sign-in. */
function SignOut() {
  const session = useSession()
  if (session?.signedIn !== true) return null
  return (
    <Button
      quiet
      title="Ends the session in this browser"
      onClick={() => {
        // Where it fails the page that is loaded then tells why.
        void signOut().finally(() => {
          location.reload()
        })
      }}
    >
      <LogOut size={16} aria-hidden />
      Sign out
    </Button>
  )
}

const ICONS = { system: Monitor, light: Sun, dark: Moon } satisfies Record<Theme, unknown>

function ThemeButton() {
  const chosen = useSyncExternalStore(theme.subscribe, theme.chosen)
  useEffect(applyTheme, [])
  const next = theme.values[(theme.values.indexOf(chosen) + 1) % theme.values.length] ?? 'system'
  const Icon = ICONS[chosen]
  const words = `Theme: ${chosen}. Change to ${next}`
  return (
    <Button
      quiet
      icon
      aria-label={words}
      title={words}
      onClick={() => {
        theme.choose(next)
      }}
    >
      <Icon size={16} aria-hidden />
    </Button>
  )
}
