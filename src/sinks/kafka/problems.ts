import { Problem } from '../../core/problem.ts'

export const kafkaProblems = Problem.area('kafka', {
  brokers: 'must be addresses like host:9092, separated by commas',
  spaces: 'must not contain spaces',
  topic: 'cannot be a Kafka topic: a name has 1 to {longest} characters and is not "." or ".."',
  header: 'must not be {name}, which Rowline gives itself',
  tokenUrl: 'must be an address that begins with https:// or http://, without user name and password',
  extensions: 'must be like logicalCluster=lkc-1, identityPoolId=pool-2: names of letters, values without spaces',
  registry: 'must be an address like https://registry:8081',
  registryUser: 'must not hold user and password: they have their own fields',
  version: 'must be latest, a number, or one like >=3',
  signIn: 'is required to sign in with {mechanism}',
  oneKeystore: 'takes the place of "Client certificate" and "Client key": leave those empty',
})
