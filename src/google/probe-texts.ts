import type { StepTexts } from '../core/steps.ts'

export const signInSteps: StepTexts = {
  credentials: 'Credentials',
  'credentials-passed': '{kind} {account}',
  'credentials-skipped': 'Nobody signs in to an emulator.',
  token: 'Token from Google',
  'token-passed': 'received',
}
