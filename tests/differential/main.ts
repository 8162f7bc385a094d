/**
 * Evaluates generated expressions and selections here and by sttpapi, and compares them: `deno task differential`.
 *
 * Environment:
 *
 * - `DIFFERENTIAL_SEED`: another seed for the generator.
 * - `STTP_PYTHON`: an interpreter that has sttpapi; without it one is installed into `.cache/`.
 * - `STTP_INTEROP_REQUIRE`: names `sttpapi` where its absence is a failure and not skipped.
 *
 * @module
 */
import { ensurePython, verdict } from "../interop/partners.ts";
import { RULES } from "./explained.ts";
import { compareExpressions } from "./expressions.ts";
import { compareSelections } from "./selections.ts";

const MAX_SHOWN = 20;

async function findPython(): Promise<string | undefined> {
  const given = Deno.env.get("STTP_PYTHON");
  if (given !== undefined && given !== "") return given;
  const partner = await ensurePython();
  const required = Deno.env.get("STTP_INTEROP_REQUIRE");
  if (partner.state === "ready") return partner.command;
  const failed = verdict(partner, required) === "fail";
  console.log(`${failed ? "missing" : "skipped"}: sttpapi (${partner.reason})`);
  if (failed) Deno.exit(1);
  return undefined;
}

async function main(): Promise<void> {
  const python = await findPython();
  if (python === undefined) return;
  const seed = Number(Deno.env.get("DIFFERENTIAL_SEED") ?? 2664);
  const expressions = await compareExpressions(python, seed);
  const selections = await compareSelections(python, seed);
  console.log(`${expressions.compared} expressions compared with sttpapi, seed ${seed}; they differ where`);
  for (const rule of RULES) {
    const count = expressions.explained.get(rule) ?? 0;
    console.log(`${String(count).padStart(6)}  ${rule.name}\n        "${rule.sentence}"`);
  }
  console.log(`${selections.compared} selections compared; sttpapi was asked otherwise where`);
  for (const [rewrite, count] of selections.rewritten) {
    console.log(`${String(count).padStart(6)}  ${rewrite.name}\n        "${rewrite.sentence}"`);
  }
  const unexplained = [...expressions.unexplained, ...selections.unexplained];
  for (const difference of unexplained.slice(0, MAX_SHOWN)) console.error(`unexplained: ${difference}`);
  console.log(`${unexplained.length} unexplained differences`);
  if (unexplained.length > 0) Deno.exit(1);
}

if (import.meta.main) main();
