import { connect } from 'node:net'
import { createServer, type SecureContextOptions, type TLSSocket, type TlsOptions } from 'node:tls'

export interface TlsFront extends AsyncDisposable {
  readonly port: number
  /** What was agreed on in each handshake. */
  readonly handshakes: readonly {
    readonly cipher: string
    readonly protocol: string | null
    readonly serverName: string | false | undefined
    readonly alpn: string | false | null
    /** Common name of the client's certificate. */
    readonly client: string | undefined
  }[]
  /** Shows these certificates to clients from now on, and trusts these authorities. */
  renew(context: SecureContextOptions): void
}

/** TLS before a broker's plain port, on 127.0.0.1, with whatever versions and ciphers a test needs. */
export async function startTlsFront(brokerPort: number, options: TlsOptions): Promise<TlsFront> {
  const handshakes: TlsFront['handshakes'][number][] = []
  const open = new Set<TLSSocket>()
  const server = createServer(options, (socket) => {
    const { alpnProtocol: alpn } = socket
    const subject = socket.getPeerCertificate().subject as { readonly CN?: string } | undefined
    handshakes.push({
      cipher: socket.getCipher().name,
      protocol: socket.getProtocol(),
      serverName: (socket as TLSSocket & { readonly servername?: string | false }).servername,
      alpn,
      client: subject?.CN,
    })
    open.add(socket)
    const far = connect(brokerPort, '127.0.0.1')
    socket.pipe(far).pipe(socket)
    socket.on('error', () => far.destroy()).on('close', () => far.destroy() && open.delete(socket))
    far.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { readonly port: number }).port,
    handshakes,
    renew: (context) => server.setSecureContext(context),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
