const address = /^(\[[\da-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/

/** `host:port`. */
export function isAddress(text: string): boolean {
  const port = Number(address.exec(text)?.[2] ?? 0)
  return port > 0 && port <= 65_535
}

export function isUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
