import { once } from 'node:events'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'

/** A broker inside this process, on 127.0.0.1 only. */
export interface DemoBroker {
  readonly port: number
  /** Resolves when a client subscribes. */
  readonly subscribed: Promise<void>
  close(): Promise<void>
}

/**
 * aedes, because it needs nothing but npm. It acknowledges a publisher before it has stored the message and keeps
 * sessions in memory only, so that it loses messages when it ends: good for a demo, for nothing else.
 */
export async function startBroker(preferredPort: number): Promise<DemoBroker> {
  const broker = await Aedes.createBroker()
  const server = createServer((socket) => void broker.handle(socket))
  const port = await listenLocally(server, preferredPort)
  const close = () => new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())))
  return { port, subscribed: once(broker, 'subscribe').then(() => {}), close }
}

/** Listens on 127.0.0.1, on another free port where the preferred one is taken. Returns the port. */
export async function listenLocally(server: ReturnType<typeof createServer>, preferredPort: number): Promise<number> {
  const listen = (port: number) => {
    server.listen(port, '127.0.0.1')
    return once(server, 'listening')
  }
  await listen(preferredPort).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
    return listen(0)
  })
  return (server.address() as { readonly port: number }).port
}

interface Plant {
  readonly name: string
  readonly siteId: number
  readonly unit: string
  readonly typical: number
  /** What this plant's readings say besides. */
  readonly extra: (now: Date) => object
}

const humanTime = (now: Date) => now.toISOString().replace('Z', '000')

/** Three plants, three shapes of payload: each plant knows a little more about its sensors. */
const plants: readonly Plant[] = [
  { name: 'north', siteId: 101, unit: 'BAR', typical: 120, extra: () => ({}) },
  {
    name: 'south',
    siteId: 102,
    unit: 'Liter',
    typical: 25,
    extra: (now) => ({ ts_human: humanTime(now), location: { latitude: -33.924869, longitude: 18.424055 } }),
  },
  {
    name: 'east',
    siteId: 103,
    unit: 'Amp',
    typical: 24,
    extra: (now) => ({
      ts_human: humanTime(now),
      location: { latitude: -33.9137, longitude: 25.5827 },
      deviceType: 'Hoist_Motor',
    }),
  },
]
const devices = [101, 102, 103, 104, 105, 106]

/** Every topic that the factory publishes to: `factory_iot/north/101` and so on. */
export const factoryTopics = plants.flatMap(({ name }) => devices.map((device) => `factory_iot/${name}/${device}`))

function reading({ siteId, unit, typical, extra }: Plant, device: number, now: Date): string {
  const metadata = { siteId, deviceId: 900 + device, sensorId: 10_000 + device, unit, ...extra(now) }
  const measurement = Math.round(typical * (0.95 + Math.random() / 10) * 100) / 100
  return JSON.stringify({ ts: now.getTime(), metadata, measurement })
}

export interface Factory {
  /** Readings that the broker has taken. */
  readonly published: number
  /** Resolves when the broker has taken all that was sent. */
  stop(): Promise<void>
}

const EVERY_MS = 500

/** Each of the 18 devices sends a reading twice a second, QoS 1. */
export async function startFactory(brokerPort: number): Promise<Factory> {
  const client = await connectAsync(`mqtt://127.0.0.1:${brokerPort}`, { clientId: 'factory' })
  let published = 0
  const tick = () => {
    const now = new Date()
    for (const plant of plants)
      for (const device of devices)
        client.publish(`factory_iot/${plant.name}/${device}`, reading(plant, device, now), { qos: 1 }, (error) => {
          if (!error) published++
        })
  }
  const timer = setInterval(tick, EVERY_MS)
  return {
    get published() {
      return published
    },
    stop: async () => {
      clearInterval(timer)
      await client.endAsync()
    },
  }
}
