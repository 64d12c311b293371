import type { StepTexts } from './steps.ts'

export const secureTexts: StepTexts = {
  tls: 'TLS {broker}',
  'tls-passed': '{protocol}, certificate of {subject} from {issuer}, valid until {validTo}',
  'tls-expires': 'The certificate of {subject} is valid until {validTo} only: {daysLeft} days. Replace it in time.',
  'tls-unchecked':
    '{protocol}, certificate of {subject} from {issuer}, valid until {validTo}. It is not checked: another machine could pretend to be the server.',
}
