import type { System } from './option.ts'
import { bahir } from './systems/bahir.ts'
import { danube } from './systems/danube.ts'
import { flink } from './systems/flink.ts'
import { freeport } from './systems/freeport.ts'
import { librdkafka } from './systems/librdkafka.ts'
import { uns } from './systems/uns.ts'

/** Every system that users come from, in the order of docs/migrating.md. */
export const systems: readonly System[] = [flink, bahir, danube, uns, librdkafka, freeport]
