/**
 * Names of tables and columns that XML does not allow, spelled as .NET spells them: `Base kV` as `Base_x0020_kV`.
 *
 * @module
 */

const START = /[\p{L}_]/u;
const PART = /[\p{L}\p{N}\p{M}._\-]/u;
const ESCAPE = /_x([0-9A-Fa-f]{4})_/g;

function escaped(unit: number): string {
  return `_x${unit.toString(16).toUpperCase().padStart(4, "0")}_`;
}

/** A name as an XML element name without a prefix. */
export function encodeXmlName(name: string): string {
  let encoded = "";
  let i = 0;
  for (const char of name) {
    const allowed = (i === 0 ? START : PART).test(char);
    // An underscore that begins what reads like an escape would be lost on the way back.
    const ambiguous = char === "_" && /^_x[0-9A-Fa-f]{4}_/.test(name.slice(i, i + 7));
    if (allowed && !ambiguous) encoded += char;
    else for (let unit = 0; unit < char.length; unit++) encoded += escaped(char.charCodeAt(unit));
    i += char.length;
  }
  return encoded;
}

/** The reverse of {@linkcode encodeXmlName}. */
export function decodeXmlName(name: string): string {
  if (!name.includes("_x")) return name;
  return name.replace(ESCAPE, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
