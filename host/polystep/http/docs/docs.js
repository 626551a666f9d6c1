// Shows the OpenAPI document in Swagger UI, with nothing asked of any other server.

const view = document.getElementById('view')
const notice = document.getElementById('notice')

const say = (text) => {
  notice.textContent = text
  notice.hidden = false
}

const followTheme = () => {
  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  const apply = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
  dark.addEventListener('change', apply)
  apply()
}

const show = async () => {
  const answer = await fetch('/openapi.json')
  if (!answer.ok) {
    say(`The server has no document: ${answer.status} ${answer.statusText}`)
    return
  }
  const spec = await answer.json()
  document.title = `${spec.info.title} API`
  window.SwaggerUIBundle({
    spec,
    domNode: view,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: 'list',
    tryItOutEnabled: true,
    showExtensions: false,
    validatorUrl: null,
  })
}

followTheme()
if (window.SwaggerUIBundle === undefined) {
  say('Swagger UI is not part of this installation. The documents above hold everything that it would show.')
} else {
  show().catch((error) => say(`The document could not be shown: ${error.message}`))
}
