import { readBrokerUrl } from '../broker-url.ts'
import { option, type System, textOf, to, told } from '../option.ts'

export const freeport: System = {
  key: 'freeport',
  title: 'Freeport FMI bridge: MQTT to Pub/Sub and BigQuery',
  about: `*Import settings of another program…* takes the environment: lines of \`NAME=value\`, a compose file, the \`env\` of a Kubernetes
container. It makes a *pubsub sink* and a *bigquery sink*. Example *07 Plant KPIs to PubSub and BigQuery* is a whole flow.`,
  importedBy: 'nodes',
  sinks: ['pubsub-sink', 'bigquery-sink'],
  options: [
    option(
      'APP_ENV',
      ['sink.environment'],
      'Each sink takes `${APP_ENV}`. *Write in* (`DEV,PPRD,PRD`) and *Only log in* (`LOCAL`) name the values; any other one, and none, is red at deploy: nothing is written or acknowledged.',
      'PRD',
      () => ({ set: { 'sink.environment': '${APP_ENV}' } }),
    ),
    to('GCP_PROJECT_ID', 'google-cloud.projectId', 'The same.', 'plant-data-4711'),
    to('BIGQUERY_DATASET', 'bigquery-sink.dataset', 'The same.', 'plant'),
    to('BIGQUERY_TABLE', 'bigquery-sink.table', 'The same. *Create the table* makes it.', 'kpis'),
    to('PUBSUB_TOPIC', 'pubsub-sink.topic', 'A short name, or `projects/…/topics/…`; placeholders besides.', 'kpis'),
    option(
      'MQTT_BROKER',
      ['mqtt-v3-source.host'],
      'The same. An address with scheme or port is taken apart.',
      'broker.plant',
      (value) => readBrokerUrl(textOf(value)),
    ),
    to('MQTT_PORT', 'mqtt-v3-source.port', 'The same.', '1884'),
    to('MQTT_TOPIC', 'mqtt-v3-in.subscriptions[].filter', 'As many filters as you like.', 'FCTS/FAE/+/SolvExtract/+'),
    option(
      'GOOGLE_APPLICATION_CREDENTIALS',
      ['google-cloud.credentialsMode', 'google-cloud.credentialsFile'],
      'A file, which the import names, or encrypted text. With `adc` the variable itself counts, as there.',
      '/etc/google/key.json',
      (value) => ({ set: { 'google-cloud.credentialsMode': 'file', 'google-cloud.credentialsFile': textOf(value) } }),
    ),
    to(
      'PUBSUB_EMULATOR_HOST',
      'google-cloud.pubsubEmulator',
      'Only where the form says so; the variable alone changes nothing.',
      '127.0.0.1:8085',
    ),
    told(
      'MQTT user, password, TLS',
      ['mqtt-v3-source.user', 'mqtt-v3-source.password', 'mqtt-v3-source.useTls'],
      'There is none there: the network counts as trusted. Here there is.',
    ),
  ],
}
