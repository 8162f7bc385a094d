export * from "npm:deno-std@1.4.0/uuid/common.js";
export * from "npm:deno-std@1.4.0/uuid/constants.js";
export * as v5 from "npm:deno-std@1.4.0/uuid/v5.js";
