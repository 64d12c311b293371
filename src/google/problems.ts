import { Problem } from '../core/problem.ts'

export const googleProblems = Problem.area('google', {
  project: 'must be the id of a project: 6 to 30 small letters, digits and hyphens',
  path: 'must be the path of a file: paste its text under "inline"',
  email: 'must be the e-mail of a service account',
  address: 'must be an address like {example}',
  credentials: 'must be the JSON text of a credentials file',
  kind: 'must have a "type" that is one of {kinds}',
  key: 'must have "client_email" and "private_key": download the key of the service account again',
})
