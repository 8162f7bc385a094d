/**
 * Checks of options, with errors in one style.
 *
 * @module
 */

/** The longest that timers take, in milliseconds. */
export const longestDelay = 2_147_483_647;

/**
 * Refuses unknown names, which are most often misspelt ones, and values of another type.
 *
 * @param kinds What `typeof` must give for each option, or `any`.
 * @param where Whose options they are, for errors.
 * @throws {TypeError} When they are no object with names, or an option does not exist or is of a wrong type.
 */
export function checkKinds(value: object, kinds: Readonly<Record<string, string>>, where: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${where}: an object with options expected, not ${describe(value)}`);
  }
  for (const [name, given] of Object.entries(value)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw new TypeError(`${where} has no option "${name}"`);
    if (given === undefined || kind === "any") continue;
    if (typeof given !== kind || given === null) {
      const article = kind === "object" ? "an" : "a";
      throw new TypeError(`${where}: "${name}" must be ${article} ${kind}, not ${describe(given)}`);
    }
  }
}

/** A value for an error about it: a text in quotes, an object as what it is. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 50 ? `${value.slice(0, 50)}...` : value);
  }
  if (Array.isArray(value)) return "an array";
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return String(value);
  return typeof value === "object" ? "an object" : "a function";
}

/**
 * Checks limits and fills in those that are left out or `undefined`.
 *
 * @param defaults Every limit.
 * @param names Those of them that may be given; default all.
 * @throws {TypeError} When there is no such limit, or it is not a number.
 * @throws {RangeError} When one is not a whole number over 0.
 */
export function checkLimits<Values extends { readonly [Name in keyof Values]: number }>(
  given: Partial<Values> | undefined,
  defaults: Values,
  names: readonly (keyof Values & string)[] = Object.keys(defaults) as (keyof Values & string)[],
): Values {
  const limits: Record<string, number> = { ...defaults };
  checkKinds(given ?? {}, Object.fromEntries(names.map((name) => [name, "number"])), "limits");
  for (const [name, value] of Object.entries<number | undefined>(given ?? {})) {
    if (value !== undefined) limits[name] = inRange(value, `limits.${name}`, 1, longestDelay, true);
  }
  return limits as Values;
}

/** Passes a number on that is in its range. @throws {RangeError} When it is not. */
export function inRange(value: number, name: string, min: number, max: number, whole: boolean): number {
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    const what = whole ? "a whole number" : "a number";
    throw new RangeError(`${name} must be ${what} from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** Passes a number of milliseconds on that a timer takes. @throws {RangeError} When it does not. */
export function duration(value: number | undefined, name: string, fallback: number, min = 1): number {
  return inRange(value ?? fallback, name, min, longestDelay, false);
}
