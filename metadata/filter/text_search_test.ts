import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { caseless, countUnusual } from "./caseless.ts";
import { lengthOf, sliceOf } from "./text.ts";
import { countOf, indexOf, lastIndexOf, placeOf, splitBy, splitByCaseless } from "./text_search.ts";

/** The engine's own ways, which take time for the product of both lengths. */
const NAIVE = {
  countOf: (text: string, part: string) => text.split(part).length - 1,
  placeOf: (text: string, part: string, n: number) => {
    let at = -1;
    for (let i = 0; i <= n; i++) {
      at = text.indexOf(part, at + 1);
      if (at < 0) return -1;
    }
    return at;
  },
  splitByCaseless: (text: string, part: string) =>
    text.split(new RegExp(part.replaceAll(/[$()*+.?[\\\]^{|}/]/g, "\\$&"), "giu")),
};

function same(text: string, part: string): void {
  assertEquals(indexOf(text, part), text.indexOf(part));
  assertEquals(lastIndexOf(text, part), text.lastIndexOf(part));
  assertEquals(splitBy(text, part), text.split(part));
  const count = countOf(text, part);
  assertEquals(count, NAIVE.countOf(text, part));
  for (const n of [0, 1, 63, 64, 65, count, text.length >> 1]) {
    assertEquals(placeOf(text, part, n), NAIVE.placeOf(text, part, n), `${n}`);
  }
  assertEquals(splitByCaseless(text, part), NAIVE.splitByCaseless(text, part));
}

/** Letters of which few make many parts that nearly fit; some whose case is unusual, and halves of characters. */
const LETTERS = [
  "ab",
  "aA",
  "aAbﬀßẞ",
  "Σσςk\u212aKiıIİ",
  "\u{10400}\u{10428}\ud801\udc00\udc28",
  "ŉǰΐ\u1fd3ᾳᾼſs.",
];

Deno.test("parts of texts are found where the engine finds them, however long they are", () => {
  const letters = fc.constantFrom(...LETTERS);
  const texts = letters.chain((some) => {
    const unit = fc.constantFrom(...some.split(""));
    return fc.record({
      text: fc.array(unit, { maxLength: 30 }).map((units) => units.join("")),
      word: fc.array(unit, { minLength: 1, maxLength: 3 }).map((units) => units.join("")),
      odd: unit,
      times: fc.nat(300),
      longer: fc.nat(300),
    });
  });
  fc.assert(
    fc.property(texts, ({ text, word, odd, times, longer }) => {
      const many = word.repeat(times);
      same(text + many + text, word);
      same(text + many + odd + word.repeat(longer) + text, many + odd);
      same(text + many + odd + word.repeat(longer) + text, word + many);
      same(many + many + odd + many + text, word + odd + many);
      same(word.repeat(longer) + many, word + many);
    }),
    { numRuns: 300 },
  );
});

Deno.test("no character of a text is read twice, whatever is looked for", () => {
  let read = 0;
  const { charCodeAt } = String.prototype;
  const half = "x".repeat(16_000);
  const text = "x".repeat(65_000);
  const parts = [`${half}y${half}`, `y${half}`, `${half}y`, half];
  String.prototype.charCodeAt = function (this: string, at: number): number {
    read++;
    return charCodeAt.call(this, at);
  };
  try {
    for (const part of parts) {
      for (const find of [indexOf, lastIndexOf, countOf, splitBy]) {
        read = 0;
        find(text, part);
        assertEquals(read > 0 && read <= text.length + part.length, true, `${find.name}: ${read}`);
      }
      read = 0;
      placeOf(text, part, 32_000);
      assertEquals(read > 0 && read <= text.length + part.length, true, `placeOf: ${read}`);
    }
  } finally {
    String.prototype.charCodeAt = charCodeAt;
  }
});

Deno.test("characters are the same without regard to case where they are in a regular expression", () => {
  const characters = Array.from({ length: 0x20_000 }, (_, code) => String.fromCodePoint(code))
    .filter((character) => /[\p{CWCF}\p{CWCM}\p{Lu}\p{Ll}\p{Lt}]/u.test(character));
  const all = characters.join("");
  const folded = caseless(all);
  assertEquals(folded.length, all.length);
  const groups = Map.groupBy(characters, caseless);
  for (const [form, group] of groups) {
    assertEquals(all.match(new RegExp(form, "giu")), group);
    assertEquals(folded.split(form).length - 1, group.length);
  }
});

Deno.test("what is several characters in another case is counted", () => {
  assertEquals([countUnusual("Straße"), countUnusual("Strasse ÄÖ αβ"), countUnusual("ŉ".repeat(9))], [
    1,
    0,
    9,
  ]);
  for (let code = 0; code < 0x1_0000; code++) {
    const character = String.fromCharCode(code);
    const many = character.toLowerCase().toUpperCase().length + character.toUpperCase().length > 2;
    assertEquals(countUnusual(character), Number(many || character === "ı"), code.toString(16));
  }
});

Deno.test("texts are measured and cut by code points", () => {
  const units = fc.constantFrom("a", "\u{1f600}", "\ud83d", "\ude00", "ß");
  fc.assert(fc.property(fc.array(units), fc.nat(12), fc.nat(12), (some, start, length) => {
    const text = some.join("");
    const points = Array.from(text);
    assertEquals(lengthOf(text), points.length);
    assertEquals(sliceOf(text, start, start + length), points.slice(start, start + length).join(""));
    assertEquals(sliceOf(text, start, Infinity), points.slice(start).join(""));
  }));
});
