import { secureTexts } from '../core/secure-texts.ts'
import type { StepTexts } from '../core/steps.ts'

export const brokerSteps: StepTexts = {
  name: 'Name {host}',
  'name-passed': '{addresses}',
  tcp: 'TCP {broker}',
  'tcp-passed': 'reached',
  ...secureTexts,
  connect: 'Sign in at {broker}',
  'connect-passed': 'MQTT {version}, session present: {sessionPresent}. Asked as {clientId}, with a clean session.',
  limits: 'Limits of the broker',
  'limits-passed':
    'Receive maximum {receiveMaximum}, largest packet {maximumPacketSize}, QoS up to {maximumQoS}, retain: {retain}, shared subscriptions: {shared}',
  'limits-qos':
    'The broker takes QoS up to {maximumQoS}: readings can get lost on their way. Receive maximum {receiveMaximum}, largest packet {maximumPacketSize}, retain: {retain}, shared subscriptions: {shared}',
  'limits-shared':
    'The broker has no shared subscriptions, which "Connections" above 1 needs. Receive maximum {receiveMaximum}, largest packet {maximumPacketSize}, QoS up to {maximumQoS}, retain: {retain}',
  'limits-skipped': 'Only brokers of MQTT 5 tell them.',
}
