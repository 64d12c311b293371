import { Problem } from '../core/problem.ts'

/** What schemas and decoders may say about their fields. */
export const rowProblems = Problem.area('row', {
  schemaTwice: 'must be empty where routes name the schemas: readings of other routes pass unchanged',
  routeTwice: 'name the route {route} twice',
  together: 'cannot be on together with failOnMissingField',
  attributes: 'must be names separated by commas, with dots between the levels: timestamp, meta.raw',
  part: 'has "{part}": between slashes stands either text or one {name} of letters, digits and _',
  wildcard: 'has "{part}": write {name} for one part, {rest} for all that follow',
  rest: 'may have {rest} only at its end',
  nameTwice: 'has {name} twice',
})
