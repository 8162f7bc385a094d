/**
 * uPlot, which draws the admin's plots, as a module of texts: `deno run -A tests/vendor/uplot.ts` writes
 * `admin/page/uplot.ts` from the npm package. As a module it is served alike from JSR, from a bundle and from a compiled
 * program, and the page needs nobody else's server.
 *
 * @module
 */
import manifest from "uplot/package.json" with { type: "json" };
import license from "uplot/LICENSE" with { type: "text" };
import script from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import styles from "uplot/dist/uPlot.min.css" with { type: "text" };

/** Where the module is. */
export const uplotModule: URL = new URL("../../admin/page/uplot.ts", import.meta.url);

/** The module, from the npm package. */
export function renderUplot(): string {
  const notice = license.trim().split("\n").map((line) => ` * ${line}`.trimEnd()).join("\n");
  return `// deno-fmt-ignore-file
// deno-lint-ignore-file
// Written by tests/vendor/uplot.ts.

/*
 * uPlot ${manifest.version}, https://github.com/leeoniya/uPlot
 *
${notice}
 */

/** The script, which defines \`uPlot\`. */
export const UplotScript: string = ${JSON.stringify(script.trim())};

/** The style sheet. */
export const UplotStyles: string = ${JSON.stringify(styles.trim())};
`;
}

if (import.meta.main) await Deno.writeTextFile(uplotModule, renderUplot());
