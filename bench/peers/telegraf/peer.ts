import { join } from 'node:path'
import { findProgram, runCommand } from '../../../test/services/processes.ts'
import type { Peer } from '../peer.ts'

const version = 'v1.37.2'
/** Only the parts that the configuration names: all of Telegraf takes many times as long to build. */
const tags = 'custom,inputs.mqtt_consumer,outputs.kafka,parsers.json,serializers.json'

export const telegraf: Peer = {
  name: 'telegraf',
  title: '(f) Telegraf, tuned',
  acknowledges: 'after Kafka',
  install: async (directory) => {
    const go = findProgram('go', 'golang-go')
    const module = `github.com/influxdata/telegraf/cmd/telegraf@${version}`
    await runCommand(go, ['install', '-tags', tags, module], { env: { GOBIN: directory } })
    const compiler = (await runCommand(go, ['env', 'GOVERSION'])).trim()
    return {
      versions: `telegraf ${version}, ${compiler}`,
      command: ({ mqttPort, clientId, filter, brokers, kafkaTopic }) => ({
        program: join(directory, 'telegraf'),
        args: ['--config', join(import.meta.dirname, 'telegraf.conf'), '--quiet'],
        env: {
          MQTT_PORT: String(mqttPort),
          CLIENT_ID: clientId,
          FILTER: filter,
          BROKERS: brokers,
          KAFKA_TOPIC: kafkaTopic,
        },
      }),
    }
  },
}
