import type { NodeDeclaration } from '../src/config/declaration.ts'
import { declaration as mqttV3In } from './mqtt-v3-in/declaration.ts'
import { declaration as mqttV3Source } from './mqtt-v3-source/declaration.ts'

/** Every node type of the package. Each has its folder `nodes/<type>` with `declaration.ts` and `<type>.ts`. */
export const declarations: readonly NodeDeclaration[] = [mqttV3Source, mqttV3In]
