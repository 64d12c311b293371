import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { launchBrowser, openEditor } from '../test/browser/editor-page.ts'
import {
  adjust,
  deploySubscribed,
  importExample,
  nodeOf,
  startLoggingMosquitto,
} from '../test/nodes/acceptance-flow.ts'
import { sharedKafka } from '../test/services/kafka.ts'
import { startNodeRed } from '../test/services/node-red.ts'
import { projectDirectory } from '../test/services/package.ts'

/** The pictures of the README: `node scripts/screenshots.ts`. */

const directory = join(projectDirectory, 'docs/images')
mkdirSync(directory, { recursive: true })
await using nodeRed = await startNodeRed()
const kafka = await sharedKafka()
await using broker = await startLoggingMosquitto()
const example = await importExample(nodeRed, '02 MQTT to Kafka')
const flow = adjust(example, {
  'mqtt-v3-source': { host: '127.0.0.1', port: String(broker.port) },
  'kafka-cluster': { brokers: kafka.brokers },
})
await deploySubscribed(nodeRed, broker, flow)
await nodeRed.statusIs(nodeOf(flow, 'kafka-sink').id, ({ fill }) => fill === 'green', 60_000)
const browser = await launchBrowser()
const { page, openNode } = await openEditor(browser, nodeRed.url, 'en-US')
await page.mouse.move(700, 900)
await page.locator('[id="red-ui-workspace-chart"]').waitFor()
const { x, y } = (await page.locator('#red-ui-workspace').boundingBox())!
await page.screenshot({ path: join(directory, 'first-example.png'), clip: { x, y, width: 760, height: 420 } })
await openNode(nodeOf(flow, 'row-decoder').id)
await page
  .locator('.red-ui-tray')
  .last()
  .screenshot({ path: join(directory, 'row-decoder.png') })
await browser.close()
await nodeRed.stop()
await kafka.stop()
