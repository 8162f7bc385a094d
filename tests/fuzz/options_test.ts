import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Answer } from "../support/options.ts";
import { type FuzzOptions, readOptions } from "./options.ts";

const names = ["frames", "filters"];

function options(...args: string[]): FuzzOptions {
  const read = readOptions(args, names);
  assert(!("exitCode" in read), "taken");
  return read;
}

function answer(...args: string[]): Answer {
  const read = readOptions(args, names);
  assert("exitCode" in read, "answered");
  return read;
}

Deno.test("fuzzing takes options, and all targets without any", () => {
  const { minutes, targets, path, child } = options();
  assertEquals([minutes, targets, path, child], [1, names, undefined, false]);
  const given = options("--minutes", "0.5", "--jobs=2", "--target", "frames", "--seed", "7", "--path", "1:2");
  assertEquals([given.minutes, given.jobs, given.targets, given.seed, given.path], [
    0.5,
    2,
    ["frames"],
    7,
    "1:2",
  ]);
});

Deno.test("fuzzing tells how it is used, and does not begin with options that are wrong", () => {
  const help = answer("--help");
  assertEquals(help.exitCode, 0);
  assertStringIncludes(help.text, "Targets: frames, filters");
  for (
    const [args, problem] of [
      [["--colour"], "--colour"],
      [["frames"], "frames"],
      [["--minutes"], "--minutes"],
      [["--minutes", "0"], "--minutes takes a number over 0"],
      [["--jobs", "1.5"], "--jobs a whole number over 0"],
      [["--target", "nothing"], "no target nothing; there are frames, filters"],
      [["--path", "1"], "--path takes the --target and --seed of its finding"],
    ] as const
  ) {
    const { exitCode, text } = answer(...args);
    assertEquals(exitCode, 2, problem);
    assertStringIncludes(text.split("\n\n")[0]!, problem);
    assertStringIncludes(text, "deno task fuzz [options]");
  }
});
