import { existsSync } from 'node:fs'
import path from 'node:path'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'

const program = '/usr/bin/chromium'
const switches = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync']

/** Chromium from Debian. */
export function launchBrowser(): Promise<Browser> {
  if (!existsSync(program)) throw new Error(`${program} is missing. Install the Debian package chromium.`)
  return chromium.launch({ executablePath: program, args: [...switches, ...quiet] })
}

/** Node-RED's editor in a browser page, operated as a user would. */
export interface EditorPage {
  readonly page: Page
  /** Everything the console reported as an error, and every uncaught exception. */
  readonly errors: readonly string[]
  /** Drags a node from the palette to the workspace and gives its id. */
  addFromPalette(type: string, x: number, y: number): Promise<string>
  /** Double-clicks a node; resolves when its dialog is open. */
  openNode(id: string): Promise<void>
  /** Presses Done, and waits until the dialog has gone. */
  done(): Promise<void>
  cancel(): Promise<void>
  /** In an open dialog: adds a config node for this property; resolves when its dialog is open. */
  addConfig(property: string): Promise<void>
  /** In an open dialog: opens the config node that this property refers to. */
  editConfig(property: string): Promise<void>
  /** Presses Add or Update in the dialog of a config node. */
  doneConfig(): Promise<void>
  cancelConfig(): Promise<void>
  /** The part of the open dialog that belongs to a field. */
  field(name: string): Locator
  deploy(): Promise<void>
  /** Loads the page again, as after a restart of the browser. */
  reload(): Promise<void>
  /** Into the directory that ROWLINE_SCREENSHOTS names; without it, none is taken. */
  screenshot(name: string): Promise<void>
}

export interface Visitor {
  /** Signs in first, where Node-RED asks for it. */
  readonly user?: string
  readonly password?: string
  readonly colorScheme?: 'dark' | 'light'
}

export async function openEditor(
  browser: Browser,
  url: string,
  locale: string,
  { user, password = '', colorScheme = 'light' }: Visitor = {},
): Promise<EditorPage> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, locale, colorScheme })
  const page = await context.newPage()
  page.setDefaultTimeout(90_000)
  const errors: string[] = []
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('dialog', (dialog) => void dialog.accept())
  const load = async () => {
    await page.goto(url, { waitUntil: 'domcontentloaded' })
    if (user !== undefined && (await context.storageState()).origins.length === 0) await signIn(page, user, password)
    await page.waitForSelector('.red-ui-palette-node', { timeout: 120_000 })
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden', timeout: 60_000 })
  }
  await load()
  return { page, errors, reload: load, ...actions(page), ...dialogs(page) }
}

async function signIn(page: Page, user: string, password: string): Promise<void> {
  await page.fill('#node-dialog-login-username', user)
  await page.fill('#node-dialog-login-password', password)
  await page.click('#node-dialog-login-submit')
}

function actions(page: Page): Pick<EditorPage, 'addFromPalette' | 'deploy' | 'screenshot'> {
  const selected = () => page.locator('.red-ui-flow-node-selected').first().getAttribute('id')
  return {
    addFromPalette: async (type, x, y) => {
      const target = page.locator('#red-ui-workspace-chart')
      await page
        .locator(`.red-ui-palette-node[data-palette-type="${type}"]`)
        .dragTo(target, { targetPosition: { x, y } })
      const id = await selected()
      if (id === null) throw new Error(`${type} could not be dragged to the workspace`)
      return id
    },
    deploy: async () => {
      const posted = page.waitForResponse((response) => response.url().endsWith('/flows') && response.status() === 200)
      await page.click('#red-ui-header-button-deploy')
      await posted
    },
    screenshot: async (name) => {
      const directory = process.env.ROWLINE_SCREENSHOTS
      if (directory !== undefined) await page.screenshot({ path: path.join(directory, `${name}.png`) })
    },
  }
}

type Dialogs = Pick<
  EditorPage,
  'openNode' | 'done' | 'cancel' | 'addConfig' | 'editConfig' | 'doneConfig' | 'cancelConfig' | 'field'
>

function dialogs(page: Page): Dialogs {
  // A tray slides for 200 ms and says nothing at its end.
  const slide = () => page.waitForTimeout(350)
  const opened = async (button: string) => {
    await page.waitForSelector(button, { state: 'visible' })
    await slide()
  }
  const close = async (button: string) => {
    await page.click(button)
    await page.waitForSelector(button, { state: 'detached' })
    await slide()
  }
  const openConfig = async (button: string) => {
    await page.click(button)
    await opened('#node-config-dialog-ok')
  }
  return {
    openNode: async (id) => {
      await page.locator(`[id="${id}"] .red-ui-flow-node`).dblclick()
      await opened('#node-dialog-ok')
    },
    done: () => close('#node-dialog-ok'),
    cancel: () => close('#node-dialog-cancel'),
    addConfig: (property) => openConfig(`#node-input-btn-${property}-add`),
    editConfig: (property) => openConfig(`#node-input-btn-${property}-edit`),
    doneConfig: () => close('#node-config-dialog-ok'),
    cancelConfig: () => close('#node-config-dialog-cancel'),
    field: (name) => page.locator('.rowline-form').last().locator(`[data-field="${name}"]`),
  }
}

interface PageElement {
  readonly parentElement: PageElement | null
  readonly offsetParent: unknown
  readonly className: string
  readonly textContent: string
}
interface PageGlobals {
  readonly document: { querySelectorAll(selector: string): Iterable<PageElement> }
  getComputedStyle(element: PageElement): { readonly backgroundColor: string; readonly color: string }
}

/** Texts that stand out too little from what is behind them: contrast as WCAG counts it. */
export const faintTexts = (page: Page, selector: string): Promise<readonly string[]> =>
  page.evaluate((shown) => {
    const rgb = (text: string) => (text.match(/[\d.]+/g) ?? []).map(Number)
    const light = (color: readonly number[]) => {
      const [r, g, b] = color.slice(0, 3).map((part) => {
        const share = part / 255
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      }) as [number, number, number]
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const { document, getComputedStyle } = globalThis as unknown as PageGlobals
    const behind = (element: PageElement | null): readonly number[] => {
      if (element === null) return [255, 255, 255]
      const color = rgb(getComputedStyle(element).backgroundColor)
      return color.length === 4 && color[3] === 0 ? behind(element.parentElement) : color
    }
    return [...document.querySelectorAll(shown)]
      .filter((element) => element.offsetParent !== null)
      .flatMap((element) => {
        const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))]
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
        return contrast < 3 ? [`${element.className || element.textContent}: ${contrast.toFixed(1)}`] : []
      })
  }, selector)
