import { secureTexts } from '../../core/secure-texts.ts'
import type { StepTexts } from '../../core/steps.ts'

export const clusterSteps: StepTexts = {
  client: 'Client library',
  'client-package':
    'kafkajs, which compresses only with gzip: @platformatic/kafka is not installed. The offline package leaves it out.',
  'client-node': 'kafkajs, which compresses only with gzip: this Node.js is too old for platformatic.',
  access: 'Certificates and keys',
  'access-passed': 'read',
  reach: 'Broker {broker}',
  'reach-passed': 'reached at {addresses}',
  ...secureTexts,
  signIn: 'Sign in at {broker}',
  'signIn-passed': 'accepted, with {mechanism}',
  'signIn-none': 'connected; nobody signs in',
  cluster: 'Cluster',
  'cluster-passed': 'id {clusterId}, brokers: {count}',
  advertised: 'Broker {id} at {broker}',
  'advertised-passed': 'The address that it gives to clients is reached from here.',
  topic: 'Topic {topic}',
  'topic-passed': '{partitions} partitions, {replicas} replicas',
  'topic-single': '{partitions} partitions with 1 replica: when its broker is lost, so are the records.',
  'topic-missing': 'Does not exist. "Create topics" of the sink decides what happens then.',
}
