import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect } from 'node:net'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Certificates } from './certificates.ts'

export interface WebSocketFront extends AsyncDisposable {
  readonly port: number
  /** Of each connection that was asked for, also on another path. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[]
}

/**
 * WebSocket before a broker's own port, on 127.0.0.1 only: mosquitto 2.0.11 opens its WebSocket listeners on all
 * interfaces. Takes the subprotocol `mqtt` on `/mqtt`, or on another `path`.
 */
export async function startWebSocketFront(
  brokerPort: number,
  { path = '/mqtt', tls }: { readonly path?: string; readonly tls?: Certificates } = {},
): Promise<WebSocketFront> {
  const server = tls
    ? createSecureServer({ key: readFileSync(tls.keyFile), cert: readFileSync(tls.certFile) })
    : createServer()
  const requests: WebSocketFront['requests'][number][] = []
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (names) => names.has('mqtt') && 'mqtt' })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    requests.push({ path: request.url ?? '', headers: request.headers })
    if (request.url !== path) return void socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, (client) => {
      const near = createWebSocketStream(client).on('error', () => far.destroy())
      const far = connect(brokerPort, '127.0.0.1').on('error', () => near.destroy())
      near.pipe(far).pipe(near)
      far.on('close', () => client.terminate())
      near.on('close', () => far.destroy())
    })
  })
  const port = await listen(server)
  return {
    port,
    requests,
    [Symbol.asyncDispose]: async () => {
      for (const client of sockets.clients) client.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { readonly port: number }).port
}
