import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Certificates, makeCertificates } from './certificates.ts'
import { findProgram, freePort, type Running, runCommand, startProcess, temporaryDirectory } from './processes.ts'

export interface MosquittoOptions {
  /** Port of the plain listener; a free one if absent. */
  readonly port?: number
  /** Configuration and stored sessions live here; a temporary directory if absent. */
  readonly dir?: string
  /** Sessions and queues survive `stop` and `restart`. Not `kill`: mosquitto writes its store when it stops. */
  readonly persistence?: boolean
  /** max_inflight_messages; mosquitto's own default is 20, 0 is no limit. */
  readonly maxInflight?: number
  /** A second listener with TLS on a free port, with certificates of its own. */
  readonly tls?: boolean
  /** User name to password. With users, anonymous clients are refused. */
  readonly users?: { readonly [user: string]: string }
  /** Further configuration lines. They belong to the listener that comes last: the TLS one if there is one. */
  readonly conf?: readonly string[]
}

/** A mosquitto of its own for one test, on 127.0.0.1 only, which never drops a queued message. */
export interface Mosquitto extends AsyncDisposable {
  readonly port: number
  /** 0 without TLS. */
  readonly tlsPort: number
  readonly certificates: Certificates | undefined
  readonly dir: string
  readonly pid: number
  log(): string
  /** Ends it in order: sessions are stored if there is persistence. */
  stop(): Promise<void>
  kill(): Promise<void>
  /** Starts it again on the same ports, ending it in order first if it still runs. */
  restart(): Promise<void>
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const program = findProgram('mosquitto', 'mosquitto')
  const dir = options.dir ?? temporaryDirectory('mosquitto')
  const port = options.port ?? (await freePort())
  const tlsPort = options.tls ? await freePort() : 0
  const certificates = options.tls ? await makeCertificates(dir) : undefined
  const passwordFile = await writePasswords(dir, options.users)
  const conf = join(dir, 'mosquitto.conf')
  writeFileSync(conf, configuration({ options, dir, port, tlsPort, certificates, passwordFile }))
  let broker = await start(program, conf)
  return {
    port,
    tlsPort,
    certificates,
    dir,
    get pid() {
      return broker.pid
    },
    log: () => broker.output(),
    stop: async () => void (await broker.stop()),
    kill: async () => void (await broker.kill()),
    [Symbol.asyncDispose]: async () => void (await broker.kill()),
    restart: async () => {
      await broker.stop()
      broker = await start(program, conf)
    },
  }
}

async function start(program: string, conf: string): Promise<Running> {
  const broker = startProcess(program, ['-c', conf], { name: 'mosquitto' })
  await broker.waitFor(/mosquitto version \S+ running/)
  return broker
}

interface Settings {
  readonly options: MosquittoOptions
  readonly dir: string
  readonly port: number
  readonly tlsPort: number
  readonly certificates: Certificates | undefined
  readonly passwordFile: string | undefined
}

/** `user root`: started as root, 2.0.11 would become the user mosquitto, who may not write in our directory. */
function configuration({ options, dir, port, tlsPort, certificates, passwordFile }: Settings): string {
  return [
    'user root',
    'log_dest stderr',
    'max_queued_messages 0',
    'max_queued_bytes 0',
    ...(options.persistence ? ['persistence true', `persistence_location ${dir}/`] : []),
    ...(options.maxInflight === undefined ? [] : [`max_inflight_messages ${options.maxInflight}`]),
    ...(passwordFile ? [`password_file ${passwordFile}`] : []),
    `allow_anonymous ${passwordFile === undefined}`,
    `listener ${port} 127.0.0.1`,
    ...(certificates ? [`listener ${tlsPort} 127.0.0.1`, ...certificateLines(certificates)] : []),
    ...(options.conf ?? []),
    '',
  ].join('\n')
}

function certificateLines({ caFile, certFile, keyFile }: Certificates): string[] {
  return [`cafile ${caFile}`, `certfile ${certFile}`, `keyfile ${keyFile}`]
}

async function writePasswords(dir: string, users: MosquittoOptions['users']): Promise<string | undefined> {
  if (!users) return undefined
  const file = join(dir, 'passwords')
  writeFileSync(file, '', { mode: 0o600 })
  const program = findProgram('mosquitto_passwd', 'mosquitto')
  for (const [user, password] of Object.entries(users)) await runCommand(program, ['-b', file, user, password])
  return file
}
