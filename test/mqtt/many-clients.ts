/**
 * Many sessions at one broker, with the options that the form has: `node many-clients.ts <port> <name> <count>`. Ends at
 * SIGTERM, and says then for how long its event loop stood still at most.
 */

import { tmpdir } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseFields } from '../../src/config/fields.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { connectionOptions } from '../../src/mqtt/connection-options.ts'
import { Collector, type Connected, connect } from './harness.ts'

const [port, name, count] = process.argv.slice(2)
const { config } = parseFields(sourceFields, { host: '127.0.0.1', port })
const stalls = monitorEventLoopDelay({ resolution: 5 })
const clients: Connected[] = []
for (let n = 0; n < Number(count); n++)
  clients.push(connect(connectionOptions(config!, `${name}-${n}`, tmpdir()), new Collector(['plant/#'])))

process.once('SIGUSR2', () => stalls.enable())
process.once('SIGTERM', async () => {
  console.log(`stood still for ${Math.round(stalls.max / 1e6)} ms`)
  process.exit()
})
