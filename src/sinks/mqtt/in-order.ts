/**
 * Starts `work` for each item in order, at most `limit` of them under way. After a failure nothing more is started; what
 * is under way is waited for, then the first failure is thrown.
 */
export async function inOrder<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  let underWay = 0
  let failure: { readonly error: unknown } | undefined
  let wake = () => {}
  const settled = () => new Promise<void>((resolve) => (wake = resolve))
  for (const item of items) {
    while (underWay >= limit && !failure) await settled()
    if (failure) break
    underWay++
    void work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        underWay--
        wake()
      })
  }
  while (underWay > 0) await settled()
  if (failure) throw failure.error
}
