import { sparkplugGroups } from './bench/sparkplug.ts'
let k: unknown
const which = process.argv[2]!
for (const [name, payloads, runs] of sparkplugGroups) { if (!name.includes(which)) continue
  const run = runs[process.argv[3]!]!
  const s=performance.now(); let n=0; while(performance.now()-s<4000) { for(const p of payloads) k=run(p); n++ }
  console.log(name, ((performance.now()-s)*1000/n/50).toFixed(2)) }
