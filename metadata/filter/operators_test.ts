import { check } from "./testdata/cases.ts";

const GUID = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";

Deno.test("literals have the type that they are written as", () => {
  check([
    ["True", "boolean true"],
    ["fALSE", "boolean false"],
    ["NULL", "undefined null"],
    ["2147483647", "int32 2147483647"],
    ["2147483648", "int64 2147483648"],
    ["9223372036854775807", "int64 9223372036854775807"],
    ["9223372036854775808", "decimal 9223372036854775808"],
    ["0x1F", "int32 31"],
    ["0XFFFFFFFF", "int64 4294967295"],
    ["0xFFFFFFFFFFFFFFFF", "decimal 18446744073709551615"],
    ["1.50", "decimal 1.50"],
    [".5", "decimal 0.5"],
    ["1.", "decimal 1"],
    ["1e-6", "double 0.000001"],
    ["1.5E3", "double 1500"],
    ["'it''s'", "string it's"],
    ["''", "string "],
    [`{${GUID.toUpperCase()}}`, `guid ${GUID}`],
    [GUID, `guid ${GUID}`],
    [`'${GUID}'`, `guid ${GUID}`],
    ["#2021-09-09 12:34:56Z#", "datetime 2021-09-09T12:34:56"],
    ["#2021-9-9#", "datetime 2021-09-09T00:00:00"],
    ["#2021/09/09T12:34:56.1234567#", "datetime 2021-09-09T12:34:56.1234567"],
    ["#9/30/2021 1:02#", "datetime 2021-09-30T01:02:00"],
    ["#1/1/2019 0:0:1.029#", "datetime 2019-01-01T00:00:01.029"],
    ["#2019-02-04T03:00:52.73-05:00#", "datetime 2019-02-04T08:00:52.73"],
  ]);
});

Deno.test("columns have a type of the language, their nulls too", () => {
  check([
    ["acronym", "string Shelby"],
    ["[AccessID]", "int32 2"],
    ["`AccessID`", "int32 2"],
    ["[Order]", "string first"],
    ["NullInt", "int32 null"],
    ["Big", "int64 9007199254740993"],
    ["Serial", "int64 7"],
    ["Huge", "decimal 18446744073709551615"],
    ["Longitude", "decimal -89.8038"],
    ["Small", "double 0.10000000149011612"],
    ["NullFlag", "boolean null"],
    ["SignalID", `guid ${GUID}`],
    ["NullID", "guid null"],
    ["UpdatedOn", "datetime 2024-02-29T12:34:56.789"],
  ]);
});

Deno.test("arithmetic widens", () => {
  check([
    ["1 + 2", "int32 3"],
    ["1 + True", "int32 2"],
    ["True + 1.5", "decimal 2.5"],
    ["1 + 2147483648", "int64 2147483649"],
    ["2147483648 * 1.5", "decimal 3221225472.0"],
    ["1.5 + 1e0", "double 2.5"],
    ["0.1 + 0.20", "decimal 0.30"],
    ["2 * 2.50", "decimal 5.00"],
    ["Big - 1", "int64 9007199254740992"],
    ["Adder * 3", "double 1.5"],
    ["AccessID - 3", "int32 -1"],
    ["1 - 1.0", "decimal 0.0"],
  ]);
});

Deno.test("integers that do not fit become wider, up and down", () => {
  check([
    ["2147483647 + 1", "int64 2147483648"],
    ["-2147483647 - 2", "int64 -2147483649"],
    ["65536 * 65536", "int64 4294967296"],
    ["-2147483648", "int64 -2147483648"],
    ["(-2147483647 - 1) / -1", "int64 2147483648"],
    ["(-2147483647 - 1)", "int32 -2147483648"],
    ["-(-2147483647 - 1)", "int64 2147483648"],
    ["9223372036854775807 + 1", "decimal 9223372036854775808"],
    ["9223372036854775807 * 9223372036854775807", "decimal 85070591730234615847396907784232501249"],
    ["-9223372036854775807 - 2", "decimal -9223372036854775809"],
    ["AccessID * 2147483647 + AccessID", "int64 4294967296"],
    ["0 * -5", "int32 0"],
  ]);
});

Deno.test("division truncates integers, is exact for decimals, and refuses zero", () => {
  check([
    ["7 / 2", "int32 3"],
    ["-7 / 2", "int32 -3"],
    ["9007199254740993 / 1", "int64 9007199254740993"],
    ["1.00 / 4", "decimal 0.25"],
    ["1.0 / 3", `decimal 0.${"3".repeat(28)}`],
    ["1 / 2e0", "double 0.5"],
    ["1 / 0", "error division by zero"],
    ["1.5 / 0", "error division by zero"],
    ["1e0 / 0", "error division by zero"],
    ["1 / False", "error division by zero"],
    ["5 % 3", "int32 2"],
    ["-5 % 3", "int32 -2"],
    ["5 % -3", "int32 2"],
    ["-4 % 2", "int32 0"],
    ["2147483648 % 5", "int64 3"],
    ["5 % True", "int32 0"],
    ["5 % 0", "error division by zero"],
    ["5.5 % 2", "error % can't be applied to a decimal and an int32"],
    ["5e0 % 2", "error expected integers"],
  ]);
});

Deno.test("arithmetic refuses what is no number", () => {
  check([
    ["'12' * 2", "error * can't be applied to a string and an int32"],
    ["2 - '1'", "error - can't be applied to an int32 and a string"],
    ["SignalID * 1", "error a guid"],
    ["UpdatedOn - UpdatedOn", "error a datetime"],
    ["True + True", "error + can't be applied to a boolean and a boolean"],
    ["Enabled * NullFlag", "error a boolean"],
    ["True % True", "error %"],
    ["-True", "error - can't be applied to a boolean"],
    ["+True", "error + can't be applied to a boolean"],
    ["-'1'", "error - can't be applied to a string"],
    ["-NullFlag", "error - can't be applied to a boolean"],
  ]);
});

Deno.test("a null column keeps its type", () => {
  check([
    ["AlternateTag * 1", "error * can't be applied to a string and an int32"],
    ["NullInt + 1", "int32 null"],
    ["NullInt + 1.5", "decimal null"],
    ["NullDecimal * Adder", "double null"],
    ["NullInt + NullBig", "int64 null"],
    ["-NullDecimal", "decimal null"],
    ["AlternateTag + 1", "string null"],
    ["NullInt & 1", "int32 null"],
    ["NullInt << 1", "int32 null"],
    ["~NullBig", "int64 null"],
    ["~NullDecimal", "error NOT can't be applied to a decimal"],
    ["AlternateTag << 1", "error << can't be applied to a string"],
    ["NullInt = 1", "boolean null"],
  ]);
});

Deno.test("a literal NULL fits anywhere", () => {
  check([
    ["NULL + 1", "int32 null"],
    ["1.5 * NULL", "decimal null"],
    ["NULL + 'x'", "string null"],
    ["NULL & 1", "int32 null"],
    ["1 << NULL", "int32 null"],
    ["NULL AND True", "boolean null"],
    ["NULL = SignalID", "boolean null"],
    ["NULL < UpdatedOn", "boolean null"],
    ["NULL = 'abc'", "boolean null"],
    ["NULL + SignalID", "error + can't be applied to NULL and a guid"],
    ["-NULL", "int32 null"],
    ["NOT NULL", "boolean null"],
    ["- -NULL", "int32 null"],
    ["NULL << 1 << 1", "int32 null"],
    ["NULL + NULL", "int32 null"],
    ["(NULL + NULL) * True", "int32 null"],
    ["-NULL + True", "int32 null"],
    ["NULL & True", "int32 null"],
    ["-NULL * 2.5", "decimal null"],
    ["(-NULL) AND True", "error AND can't be applied to an int32"],
    ["(NULL << 1) OR True", "error OR can't be applied to an int32"],
  ]);
});

Deno.test("+ with a string on either side concatenates texts", () => {
  check([
    ["'a' + 'b'", "string ab"],
    ["'a' + 1", "string a1"],
    ["1 + 'a'", "string 1a"],
    ["'a' + True", "string a1"],
    ["'a' + 2.50", "string a2.50"],
    ["'a' + 1500e0", "string a1500"],
    ["'a' + 0.5e0", "string a0.5"],
    ["'a' + Big", "string a9007199254740993"],
    ["SignalID + '!'", `string ${GUID}!`],
    ["UpdatedOn + 'x'", "string 2024-02-29T12:34:56.789x"],
    ["#2024-02-29# + ''", "string 2024-02-29T00:00:00.000"],
    ["'a' + #2021-09-09 12:34:56.7891234#", "string a2021-09-09T12:34:56.789"],
  ]);
});

Deno.test("bit operators take integers and booleans", () => {
  check([
    ["6 & 3", "int32 2"],
    ["6 | 3", "int32 7"],
    ["6 ^ 3", "int32 5"],
    ["6 XOR 3", "int32 5"],
    ["6 & 2147483648", "int64 0"],
    ["-1 & 4294967296", "int64 4294967296"],
    ["True & False", "boolean false"],
    ["True ^ True", "boolean false"],
    ["True | 4", "int32 5"],
    ["6 & 1.5", "error & can't be applied to an int32 and a decimal"],
    ["'a' | 1", "error | can't be applied to a string"],
    ["(Big * Big) & 1", "error the integer does not fit 64 bits"],
    ["~5", "int32 -6"],
    ["!5", "int32 -6"],
    ["NOT 5", "int32 -6"],
    ["~Big", "int64 -9007199254740994"],
    ["!True", "boolean false"],
    ["~True", "boolean false"],
    ["!NullFlag", "boolean null"],
    ["~5.5", "error NOT can't be applied to a decimal"],
    ["!'a'", "error expected a boolean or an integer"],
    ["!SignalID", "error a guid"],
  ]);
});

Deno.test("shifts count modulo the width and stay in it", () => {
  check([
    ["1 << 4", "int32 16"],
    ["1 << 31", "int32 -2147483648"],
    ["1 << 32", "int32 1"],
    ["1 << 33", "int32 2"],
    ["1 << -1", "int32 -2147483648"],
    ["-8 >> 1", "int32 -4"],
    ["1 << True", "int32 2"],
    ["1 << 4294967299", "int32 8"],
    ["2147483648 << 1", "int64 4294967296"],
    ["2147483648 << 64", "int64 2147483648"],
    ["9223372036854775807 << 1", "int64 -2"],
    ["-9223372036854775807 >> 62", "int64 -2"],
    ["True << 1", "error << can't be applied to a boolean and an int32"],
    ["1.5 << 1", "error << can't be applied to a decimal"],
    ["1 << 1.5", "error an integer or boolean for the count"],
    ["NullFlag << 1", "error << can't be applied to a boolean"],
  ]);
});

Deno.test("operators bind as documented", () => {
  check([
    ["2 + 3 * 4", "int32 14"],
    ["2 * 3 + 4", "int32 10"],
    ["10 - 4 - 3", "int32 3"],
    ["-2 * 3", "int32 -6"],
    ["1 << 2 + 1", "int32 8"],
    ["6 & 3 + 1", "int32 4"],
    ["AccessID ^ 2 + 30 XOR 4", "int32 38"],
    ["~30 * -1 - 1 << -2", "int32 -2147483648"],
    ["1 + 1 < 3", "boolean true"],
    ["1 < 2 = True", "boolean true"],
    ["1 = 1 IS NULL", "boolean false"],
    ["'a' = 'b' IN (False)", "boolean true"],
    ["True OR False AND False", "boolean true"],
    ["(True OR False) AND False", "boolean false"],
    ["False AND False OR True", "boolean true"],
    ["True || False && False", "boolean true"],
    ["!AccessID % 4 = -3", "boolean true"],
    ["!True = False", "boolean true"],
    ["NOT AccessID = 3", "boolean true"],
    ["NOT AccessID IN (2, 3)", "boolean false"],
    ["NOT Acronym LIKE 'S%'", "boolean false"],
    ["NOT Acronym IS NULL AND True", "boolean true"],
    ["NOT Acronym !IN ('Shelby', 'Apple')", "boolean true"],
    ["NOT NOT AccessID = 2", "boolean true"],
    ["NOT False AND False", "boolean false"],
    ["1 + NOT 0", "int32 0"],
    ["- -5", "int32 5"],
    ["NOT (AccessID) % 4 ", "int32 -3"],
  ]);
});

Deno.test("AND and OR are three-valued", () => {
  const values = ["True", "False", "NULL"];
  const and = ["true", "false", "null", "false", "false", "false", "null", "false", "null"];
  const or = ["true", "true", "true", "true", "false", "null", "true", "null", "null"];
  values.forEach((left, i) =>
    values.forEach((right, j) =>
      check([
        [`${left} AND ${right}`, `boolean ${and[3 * i + j]}`],
        [`${left} OR ${right}`, `boolean ${or[3 * i + j]}`],
        [`(${left} OR NullFlag) AND ${right}`, `boolean ${left === "True" ? and[3 * i + j] : and[6 + j]}`],
      ])
    )
  );
  check([
    ["True AND 1", "error AND can't be applied to an int32"],
    ["'a' OR True", "error OR can't be applied to a string"],
    ["AlternateTag AND True", "error AND can't be applied to a string"],
    ["NULL OR 1", "error OR can't be applied to an int32"],
    ["True AND False AND NULL", "boolean false"],
    ["Enabled AND NullFlag AND True", "boolean null"],
  ]);
});

Deno.test("an error on one side of AND does not hide behind the other", () => {
  check([
    ["False AND 1 / 0 = 1", "error division by zero"],
    ["True OR AccessID / 0 = 1", "error division by zero"],
    ["NullInt + 1 / 0", "error division by zero"],
  ]);
});
