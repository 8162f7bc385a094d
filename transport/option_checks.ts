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
 * @throws {TypeError} When an option does not exist or is of a wrong type.
 */
export function checkKinds(value: object, kinds: Readonly<Record<string, string>>, where: string): void {
  for (const [name, given] of Object.entries(value)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw new TypeError(`${where} has no option "${name}"`);
    if (given === undefined || kind === "any") continue;
    if (typeof given !== kind || given === null) {
      throw new TypeError(
        `${where}: "${name}" must be a ${kind}, not ${given === null ? "null" : typeof given}`,
      );
    }
  }
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
