import { targets } from "./targets/mod.ts";

for (const { name, shortRuns, check } of targets) {
  Deno.test(`fuzz: ${name}`, async () => {
    const { finding } = await check(20_221_122, shortRuns);
    if (finding !== undefined) throw new Error(finding);
  });
}
