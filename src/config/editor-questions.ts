/** What the editor asks of the runtime, at `rowline/<purpose>/<node type>`, and what comes back. */
export const maskedSecret = '__PWRD__'

/** Whoever may change flows could connect anywhere by a deploy: who may not do that may not do this either. */
export const askPermission = 'flows.write'

export interface Question {
  /** Of the config node that is asked about, as far as it has been deployed. */
  readonly id?: string
  /** Raw values of its fields. A secret that is absent or `maskedSecret` is the stored one. */
  readonly values: { readonly [field: string]: unknown }
}

/** At `rowline/sample/mqtt-v3-source`. */
export interface SampleQuestion extends Question {
  readonly filters: readonly string[]
}
