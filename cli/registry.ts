/**
 * The commands.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { bench } from "./commands/bench.ts";
import { capture } from "./commands/capture.ts";
import { certificates } from "./commands/certificates.ts";
import { completions } from "./commands/completions.ts";
import { decode } from "./commands/decode.ts";
import { filter } from "./commands/filter.ts";
import { metadata } from "./commands/metadata.ts";
import { probe } from "./commands/probe.ts";
import { publish } from "./commands/publish.ts";
import { relay } from "./commands/relay.ts";
import { subscribe } from "./commands/subscribe.ts";

/** All commands, in the order in which `sttp --help` lists them. */
export const commands: readonly Command[] = [
  publish,
  subscribe,
  metadata,
  filter,
  probe,
  relay,
  capture,
  decode,
  certificates,
  bench,
  completions(() => commands),
];
