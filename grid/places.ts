/**
 * Invented names for substations, companies and lines.
 *
 * @module
 */

/** Substations. Device `n` is unit `floor(n / Places.length) + 1` of place `n % Places.length`. */
export const Places = [
  "Alderbrook",
  "Bexley Ford",
  "Cinder Hill",
  "Dunmore",
  "Eastvale",
  "Fallow Creek",
  "Glenhaven",
  "Harrow Point",
  "Ironwood",
  "Juniper Flat",
  "Kestrel Ridge",
  "Larkfield",
  "Millrace",
  "Northgate",
  "Oxbow",
  "Pinecrest",
  "Quarry Bend",
  "Redwater",
  "Stonebridge",
  "Tamarack",
  "Underhill",
  "Vesper Lake",
  "Westmarch",
  "Yarrow",
  "Zephyr Gap",
  "Ashgrove",
  "Birch Landing",
  "Copper Falls",
  "Deerfield",
  "Elk Crossing",
  "Foxglove",
  "Granite Pass",
] as const;

/** Operating companies, by stretches of longitude from west to east. */
export const Companies = [
  { acronym: "WPL", name: "Western Plains Power" },
  { acronym: "RVE", name: "River Valley Electric" },
  { acronym: "HLT", name: "Highland Transmission" },
  { acronym: "COG", name: "Coastal Grid" },
] as const;

/** Where a 60 Hz and where a 50 Hz grid lies: degrees east and north. */
export const Regions = {
  60: { name: "Eastern Interconnection", west: -92, east: -76, south: 32, north: 42 },
  50: { name: "Continental Europe Synchronous Area", west: 1, east: 21, south: 44, north: 54 },
} as const;

/** Nominal line-to-line voltages in kV with the customary current rating of a line in A. */
export const VoltageLevels = {
  60: [
    { kilovolts: 500, amperes: 2000 },
    { kilovolts: 345, amperes: 1600 },
    { kilovolts: 230, amperes: 1200 },
  ],
  50: [
    { kilovolts: 380, amperes: 2500 },
    { kilovolts: 220, amperes: 1300 },
    { kilovolts: 110, amperes: 800 },
  ],
} as const;
