// The mirror's own mod.js also loads v3, whose MD5 module the mirror lacks.
// @ts-types="./mod.d.ts"
export * from "./re_exports.js";
