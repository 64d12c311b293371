const limit = 10_000
const longest = 1024

/**
 * `make` for names that come again and again, such as topics: its results are kept, and shared. It must be pure. The
 * memory stays bounded, whoever chooses the names.
 */
export function remember<T>(make: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    const found = known.get(name)
    if (found !== undefined) return found
    const made = make(name)
    if (known.size >= limit) known.clear()
    if (name.length <= longest) known.set(name, made)
    return made
  }
}
