/**
 * Functions of datetimes.
 *
 * @module
 */
import { ticksNow, TicksPerMillisecond } from "../../transport/wire/ticks.ts";
import {
  addInterval,
  differenceIn,
  type Interval,
  INTERVAL_NAMES,
  parseInterval,
  partOf,
} from "./calendar.ts";
import type { Code } from "./code.ts";
import { describeText, parseDateTime } from "./convert.ts";
import type { Arguments, FunctionSpec } from "./function_spec.ts";
import { widenInteger } from "./numbers.ts";
import type { FilterValue } from "./types.ts";

/** DATEADD, DATEDIFF, DATEPART, NOW and UTCNOW. */
export const DATE_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  DATEADD: { count: [3], parameters: "datetime, n, interval", build: dateAdd },
  DATEDIFF: { count: [3], parameters: "left, right, interval", build: dateDifference },
  DATEPART: { count: [2], parameters: "datetime, interval", build: datePart },
  NOW: { count: [0], parameters: "", build: (args) => now(args, true) },
  UTCNOW: { count: [0], parameters: "", build: (args) => now(args, false) },
};

/** The clock's time, read again in every row since rows may be tested at different times. */
function now(args: Arguments, local: boolean): Code {
  const { clock } = args.context;
  const run = () => {
    const ticks = ticksNow(clock);
    if (!local) return ticks;
    return ticks - BigInt(new Date(clock.now()).getTimezoneOffset()) * 60_000n * TicksPerMillisecond;
  };
  return { type: "datetime", run, constant: false, fallible: false, span: args.span };
}

/** A datetime argument: strings are read as one. */
function dateTime(args: Arguments, index: number): Code {
  const code = args.dateTime(index);
  if (code.type === "datetime") return code;
  const read = (text: string) => {
    const ticks = parseDateTime(text);
    if (ticks === undefined) {
      const shown = JSON.stringify(text.slice(0, 30));
      throw args.error("value", `${shown} is not a datetime`, describeText("datetime"), index);
    }
    return ticks;
  };
  if (!code.constant) return args.lift("datetime", [code], read, { fallible: true });
  const text = code.run(0);
  const ticks = text === null ? null : read(text as string);
  return { ...code, type: "datetime", run: () => ticks };
}

/** The interval argument, as a function from its value; a constant one is read at once. */
function interval(args: Arguments, index: number): [Code, (name: string) => Interval] {
  const code = args.text(index);
  const read = (name: string) => {
    const parsed = parseInterval(name);
    if (parsed !== undefined) return parsed;
    throw args.error("value", "no such interval", INTERVAL_NAMES, index);
  };
  const name = code.constant ? code.run(0) : null;
  if (name === null) return [code, read];
  const constant = read(name as string);
  return [code, () => constant];
}

function dateAdd(args: Arguments): Code {
  const [name, read] = interval(args, 2);
  const add = (ticks: bigint, count: FilterValue, unit: string) => {
    const whole = typeof count === "object" ? undefined : BigInt(count);
    const result = whole === undefined ? undefined : addInterval(ticks, whole, read(unit));
    if (result !== undefined) return result;
    throw args.error("value", "the result is out of range", "the years 1 to 9999");
  };
  return args.lift("datetime", [dateTime(args, 0), args.integer(1), name], add, { fallible: true });
}

function dateDifference(args: Arguments): Code {
  const [name, read] = interval(args, 2);
  const difference = (left: bigint, right: bigint, unit: string) =>
    widenInteger(differenceIn(left, right, read(unit)));
  return args.lift("int32", [dateTime(args, 0), dateTime(args, 1), name], difference, {
    fallible: !name.constant,
  });
}

function datePart(args: Arguments): Code {
  const [name, read] = interval(args, 1);
  const part = (ticks: bigint, unit: string) => partOf(ticks, read(unit));
  return args.lift("int32", [dateTime(args, 0), name], part, { fallible: !name.constant });
}
