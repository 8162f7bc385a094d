/**
 * References and attributes in XML.
 *
 * @module
 */

/** The code point that a reference stands for, given what is between `&` and `;`; -1 when it is none that is allowed. */
export function referenceTarget(name: string): number {
  switch (name) {
    case "lt":
      return 0x3c;
    case "gt":
      return 0x3e;
    case "amp":
      return 0x26;
    case "quot":
      return 0x22;
    case "apos":
      return 0x27;
  }
  const match = /^#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}))$/.exec(name);
  if (match === null) return -1;
  const point = match[1] !== undefined ? parseInt(match[1], 10) : parseInt(match[2]!, 16);
  // .NET writes control characters as references although XML 1.0 has no such thing: taken, NUL apart.
  return point === 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? -1 : point;
}

/** One attribute with the space before it. */
const ATTRIBUTE = /\s+([^\s=<>"'/]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;

/**
 * Takes the attributes of a tag apart, given all that is between the name and the end.
 *
 * @returns The values by name with prefix; or what is wrong with them.
 */
export function parseAttributes(text: string): Map<string, string> | string {
  const found = new Map<string, string>();
  let end = 0;
  for (;;) {
    ATTRIBUTE.lastIndex = end;
    const match = ATTRIBUTE.exec(text);
    if (match === null) break;
    const [whole, name, quoted, apostrophed] = match;
    if (found.has(name!)) return `attribute ${name} twice`;
    const value = attributeValue(quoted ?? apostrophed!);
    if (value === undefined) {
      return `a reference that is none of XML's five entities or a character's in attribute ${name}`;
    }
    found.set(name!, value);
    end += whole.length;
  }
  return text.slice(end).trim() === "" ? found : "malformed attributes";
}

/** A value with its references replaced; `undefined` when one is not allowed. */
function attributeValue(raw: string): string | undefined {
  let allowed = true;
  const value = raw.replace(/\r\n|[\r\n\t]/g, " ").replace(/&([^;&]{0,10};?)/g, (_, reference: string) => {
    const point = reference.endsWith(";") ? referenceTarget(reference.slice(0, -1)) : -1;
    if (point < 0) allowed = false;
    return point < 0 ? "" : String.fromCodePoint(point);
  });
  return allowed ? value : undefined;
}

// Control characters and others that XML 1.0 has no way to write; surrogates are dealt with on the way.
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/** Text with what XML can't hold, control characters and lone surrogates, replaced by U+FFFD. */
export function replaceForbidden(text: string): string {
  return text.toWellFormed().replace(FORBIDDEN, "\ufffd");
}
