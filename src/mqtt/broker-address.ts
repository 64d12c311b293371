const name = /^[^\s:/[\]]+$/
const ipv6 = /^[\da-f]*:[\da-f]*:[\da-f:.]*(?:%[\w.-]+)?$/i

/** A name, an IPv4 address, or an IPv6 address without brackets: no port, no path. */
export const isHost = (text: string): boolean => name.test(text) || ipv6.test(text)

/**
 * `host`, `host:port` or `[IPv6]:port`, taken apart for the fields *Broker* and *Port*. What is none of these stays one
 * text, which *Broker* refuses.
 */
export function splitAddress(address: string): { readonly host: string; readonly port: string } {
  const whole = address.trim()
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(whole) ?? []
  return { host: bracketed ?? plain ?? whole, port }
}

export const tlsPort = 8883

/** Whether brokers speak TLS at this port, as everybody expects. As entered, or read. */
export const isTlsPort = (port: unknown): boolean => Number(port) === tlsPort
