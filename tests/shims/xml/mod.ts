// @ts-types="./mod.d.ts"
export * from "npm:@lowlighter/xml@6.0.1";
