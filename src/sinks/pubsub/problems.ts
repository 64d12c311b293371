import { Problem } from '../../core/problem.ts'

export const pubsubProblems = Problem.area('pubsub', {
  fullName: 'must be like projects/my-project/topics/my-topic',
  name: 'must have 3 to 255 letters, digits and - . _ ~ + %, a letter first',
  goog: 'must not begin with "goog"',
  reserved: 'must not begin with "goog": Pub/Sub keeps such names for itself',
  ownName: 'must not be rowline.id, which Rowline gives itself',
  endpoint: 'must be a host name, with a port where it has one',
  most: 'must be at most {most}',
})
