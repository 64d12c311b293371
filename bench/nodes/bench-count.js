/** Finishes with each message at once, and says when it had the first and the last of the session. */
export default function (RED) {
  RED.nodes.registerType('bench-count', function (config) {
    RED.nodes.createNode(this, config)
    const now = () => performance.timeOrigin + performance.now()
    let taken = 0
    let firstMs = 0
    this.on('input', ({ payload }, _send, done) => {
      if (taken === 0) firstMs = now()
      taken += Array.isArray(payload) ? payload.length : 1
      done()
      if (taken === config.messages) console.log(`drained ${config.session} ${firstMs} ${now()}`)
    })
  })
}
