import kafkajs from 'kafkajs'

/** One send per message, as the Kafka nodes of the Node-RED library do it. */
export default function (RED) {
  RED.nodes.registerType('bench-kafkajs', function (config) {
    RED.nodes.createNode(this, config)
    const { Kafka, Partitioners, logLevel } = kafkajs
    const kafka = new Kafka({ clientId: 'bench', brokers: [config.brokers], logLevel: logLevel.ERROR })
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    const connected = producer.connect()
    this.on('input', async (message, _send, done) => {
      try {
        await connected
        const messages = [{ key: message.topic, value: JSON.stringify(message.payload) }]
        await producer.send({ topic: config.topic, acks: -1, messages })
        done()
      } catch (error) {
        done(error)
      }
    })
    this.on('close', (_removed, done) => producer.disconnect().finally(done))
  })
}
