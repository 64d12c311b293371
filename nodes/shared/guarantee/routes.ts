import { hasReference } from '../../../src/config/environment.ts'
import type { InConfig } from '../../../src/mqtt/config.ts'
import { type RowDecoderConfig, rowDecoderFields } from '../../../src/rows/config.ts'
import type { Found } from './core-nodes.ts'

/** Of what a reading has on its way: none of these sets `msg.route`. A Function, Change or Inject node may. */
const passing = ['junction', 'link in', 'link out', 'link call', 'switch', 'delay', 'rbe', 'catch', 'complete']

export const keepsRoute = (type: string): boolean => passing.includes(type) || type.startsWith('subflow:')

const routingFormats = rowDecoderFields.routes.when?.values.map(String) ?? []

/** The routes that it has a schema for; undefined where it asks for none, or a variable decides. */
function listed({ format, routes }: RowDecoderConfig): readonly string[] | undefined {
  const names = routes.map(({ route }) => route)
  return names.length === 0 || !routingFormats.includes(format) || names.some(hasReference) ? undefined : names
}

/** The routes that its table gives; undefined where a variable decides. */
function given({ subscriptions, defaultRoute = '' }: InConfig): readonly string[] | undefined {
  if (!subscriptions) return undefined
  const hasRoute = subscriptions.filter(({ route, to }) => route || to)
  const others = hasRoute.length > 0 && hasRoute.length < subscriptions.length ? [defaultRoute] : []
  const names = [...hasRoute.map(({ route }) => route ?? ''), ...others]
  return names.some(hasReference) ? undefined : [...new Set(names)].filter((route) => route !== '')
}

/**
 * Routes that a decoder and the sources before it do not name alike. `sources`: every one before this decoder;
 * `decoders`: all that the readings of its source meet, this one among them; undefined where only some of them get here.
 */
export function judgeRoutes(
  decoder: RowDecoderConfig,
  source: InConfig,
  {
    decoders,
    sources,
  }: { readonly decoders: readonly RowDecoderConfig[] | undefined; readonly sources: readonly InConfig[] },
): readonly Found[] {
  const names = listed(decoder)
  if (names === undefined) return []
  const all = sources.map((one) => (one.dynamic ? undefined : given(one)))
  const unknown = all.includes(undefined) ? [] : names.filter((name) => !all.flat().includes(name))
  const known = decoders?.map(listed) ?? [undefined]
  const unchecked = known.includes(undefined)
    ? []
    : (given(source) ?? []).filter((route) => !known.flat().includes(route))
  return [
    ...unknown.map((route) => ({ code: 'routeUnknown', values: { route } }) as const),
    ...unchecked.map((route) => ({ code: 'routeUnchecked', values: { route } }) as const),
  ]
}
