// Sets the theme before the first paint, so that no page flashes in the other one. A file of its own: the content
// policy lets no inline script run.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches
  let chosen = null
  try {
    chosen = localStorage.getItem('polystep.theme')
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  document.documentElement.dataset.theme = chosen === 'light' || chosen === 'dark' ? chosen : dark ? 'dark' : 'light'
})()
