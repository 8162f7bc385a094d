import { assertEquals } from "@std/assert";
import { ManualClock } from "../../transport/clock.ts";
import { FUNCTION_NAMES } from "./functions.ts";
import { check, evaluated, sampleRow } from "./testdata/cases.ts";

const GUID = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";

Deno.test("there are 41 functions and ISUUID", () => {
  assertEquals(FUNCTION_NAMES.length, 42);
});

Deno.test("names in any case; unknown ones and wrong counts are told", () => {
  check([
    ["lEn('abc')", "int32 3"],
    ["LEM('abc')", "error there is no function LEM"],
    ["LEM('abc')", "error did you mean LEN?"],
    ["LEN()", "error LEN with 0 arguments"],
    ["LEN('a', 'b')", "error expected 1: LEN(s)"],
    ["SUBSTR('a')", "error expected 2 to 3: SUBSTR(source, index, [length])"],
    ["COALESCE(1)", "error expected 2 or more: COALESCE(e1, ..., en)"],
    ["NOW(1)", "error NOW with 1 argument"],
    ["LEN(123)", "error LEN: its first argument, s, is an int32"],
    ["CONTAINS('a', 1)", "error CONTAINS: its second argument, test, is an int32"],
    ["ABS('5')", "error ABS: its first argument, n, is a string"],
    ["SUBSTR('a', 1.5)", "error its second argument, index, is a decimal"],
    ["LEN(NullInt)", "error LEN: its first argument, s, is an int32"],
  ]);
});

Deno.test("ABS, CEILING, FLOOR, ROUND and SQRT", () => {
  check([
    ["ABS(-5)", "int32 5"],
    ["ABS(-2147483647 - 1)", "int64 2147483648"],
    ["ABS(-2.50)", "decimal 2.50"],
    ["ABS(-2.5e0)", "double 2.5"],
    ["ABS(True)", "boolean true"],
    ["ABS(NULL)", "double null"],
    ["CEILING(1.2)", "decimal 2"],
    ["CEILING(-1.2)", "decimal -1"],
    ["CEILING(-0.5e0)", "double 0"],
    ["CEILING(5)", "int32 5"],
    ["FLOOR(-1.2)", "decimal -2"],
    ["FLOOR(1.7e0)", "double 1"],
    ["ROUND(2.5)", "decimal 2"],
    ["ROUND(3.5)", "decimal 4"],
    ["ROUND(-2.5e0)", "double -2"],
    ["ROUND(0.49999999999999994e0)", "double 0"],
    ["ROUND(NullDecimal)", "decimal null"],
    ["SQRT(16)", "double 4"],
    ["SQRT(2.25)", "double 1.5"],
    ["SQRT(NullInt)", "double null"],
    ["SQRT(-1)", "error SQRT: its argument is negative"],
  ]);
});

Deno.test("POWER", () => {
  check([
    ["POWER(2, 10)", "int32 1024"],
    ["POWER(2, 31)", "int64 2147483648"],
    ["POWER(2, 64)", "decimal 18446744073709551616"],
    ["POWER(2, -1)", "int32 0"],
    ["POWER(-3, 3)", "int32 -27"],
    ["POWER(1, 2147483647)", "int32 1"],
    ["POWER(-1, 2147483647)", "int32 -1"],
    ["POWER(0, 0)", "int32 1"],
    ["POWER(2147483648, 1)", "int64 2147483648"],
    ["POWER(1.1, 2)", "decimal 1.21"],
    ["POWER(2.0, -2)", "decimal 0.25"],
    ["POWER(2, 0.5e0)", "double 1.4142135623730951"],
    ["POWER(4.0, 0.5)", "decimal 2"],
    ["POWER(True, False)", "boolean true"],
    ["POWER(False, True)", "boolean false"],
    ["POWER(NullDecimal, 2e0)", "double null"],
    ["POWER(0, -1)", "error zero to a negative power"],
    ["POWER(-2.0, 0.5)", "error fractional power of a negative"],
    ["POWER(10, 2147483647)", "error POWER"],
    ["POWER(1e300, 2)", "error beyond the range of double"],
    ["POWER('2', 2)", "error POWER: its first argument, n, is a string"],
  ]);
});

Deno.test("COALESCE, ISNULL and IIF", () => {
  check([
    ["COALESCE(NULL, NullInt, 3)", "int32 3"],
    ["COALESCE(AlternateTag, Acronym)", "string Shelby"],
    ["COALESCE(NullInt, 'x')", "string x"],
    ["COALESCE(AccessID, 'x')", "int32 2"],
    ["COALESCE(NullInt, NullDecimal)", "int32 null"],
    ["COALESCE(1, 1 / 0)", "int32 1"],
    ["COALESCE(NULL, NULL)", "undefined null"],
    ["COALESCE(NullInt, 2.5) * 2", "decimal 5.0"],
    ["COALESCE(NullInt, 'x') * 2", "error * can't be applied to a string"],
    ["ISNULL(AlternateTag, 'none')", "string none"],
    ["ISNULL(1, NULL)", "int32 1"],
    ["ISNULL(NULL, False) OR True", "boolean true"],
    ["IIF(True, 1, 1 / 0)", "int32 1"],
    ["IIF(False, 'a' * 2, 'b')", "string b"],
    ["IIF(Enabled, 1, AccessID / 0)", "int32 1"],
    ["IIF(NULL, 1, 2)", "int32 2"],
    ["IIF(NullFlag, 1, 2.5)", "decimal 2.5"],
    ["IIF(Enabled, 1, 2.5)", "int32 1"],
    ["IIF(Enabled, NULL, 2)", "int32 null"],
    ["IIF(Enabled, 1, 2.5) + 1", "int32 2"],
    ["IIF(Enabled, 'a', 1) + 'b'", "string ab"],
    ["LEN(IIF(Enabled, 'a', 1))", "error LEN: its first argument, s, is an int32"],
    ["IIF(Enabled, 1, NoColumn)", "error DeviceDetail has no column NoColumn"],
    ["IIF(True, 1, NoColumn)", "error DeviceDetail has no column NoColumn"],
    ["IIF(1, 2, 3)", "error IIF: its first argument, condition, is an int32"],
  ]);
});

Deno.test("CONVERT", () => {
  check([
    ["CONVERT('12.7', 'int32')", "int32 12"],
    ["CONVERT(-12.7, 'Int64')", "int64 -12"],
    ["CONVERT(12.7e0, 'System.Int32')", "int32 12"],
    ["CONVERT(5, 'int')", "int64 5"],
    ["CONVERT(5, 'int16')", "int64 5"],
    ["CONVERT(5, 'uint')", "int64 5"],
    ["CONVERT(True, 'int32')", "int32 1"],
    ["CONVERT(2147483648, 'int32')", "error CONVERT: 2147483648 is out of the range of int32"],
    ["CONVERT('abc', 'int32')", "error expected a number"],
    ["CONVERT('2.50', 'decimal')", "decimal 2.50"],
    ["CONVERT(0.5e0, 'decimal')", "decimal 0.5"],
    ["CONVERT('1e3', 'double')", "double 1000"],
    ["CONVERT(1, 'single')", "double 1"],
    ["CONVERT(1, 'float')", "double 1"],
    ["CONVERT(2.50, 'string')", "string 2.50"],
    ["CONVERT(1500.0e0, 'string')", "string 1500"],
    ["CONVERT(True, 'string')", "string 1"],
    ["CONVERT(UpdatedOn, 'string')", "string 2024-02-29T12:34:56.789"],
    ["CONVERT(SignalID, 'string')", `string ${GUID}`],
    [`CONVERT('{${GUID}}', 'uuid')`, `guid ${GUID}`],
    ["CONVERT('x', 'guid')", "error expected a GUID"],
    ["CONVERT('2024-02-29', 'datetime')", "datetime 2024-02-29T00:00:00"],
    ["CONVERT('12', 'datetime')", "error expected a date and time"],
    ["CONVERT(0, 'bool')", "boolean false"],
    ["CONVERT('Yes', 'boolean')", "boolean true"],
    ["CONVERT('abc', 'boolean')", "error CONVERT"],
    ["CONVERT(#1970-01-01 00:00:01.5#, 'double')", "double 1.5"],
    ["CONVERT(#1970-01-01 00:00:01.0000001#, 'decimal')", "decimal 1.0000001"],
    ["CONVERT(NullInt, 'string')", "string null"],
    ["CONVERT(NULL, 'guid')", "guid null"],
    ["CONVERT(1, 'guid')", "error an int32 can't be converted to guid"],
    ["CONVERT(NullID, 'int32')", "error a guid can't be converted to int32"],
    ["CONVERT(1, 'unknown')", "error CONVERT: no such type"],
    ["CONVERT(1, Acronym)", "error not a constant string"],
    ["CONVERT('12', LOWER('INT32'))", "int32 12"],
  ]);
});

Deno.test("ISDATE, ISGUID, ISINTEGER and ISNUMERIC", () => {
  check([
    ["ISDATE(UpdatedOn)", "boolean true"],
    ["ISDATE('2/4/2019')", "boolean true"],
    ["ISDATE('12')", "boolean false"],
    ["ISDATE('2021-02-30')", "boolean false"],
    ["ISDATE(2.5)", "boolean false"],
    ["ISGUID(SignalID)", "boolean true"],
    [`ISUUID('{${GUID}}')`, "boolean true"],
    ["ISGUID('abc')", "boolean false"],
    ["ISINTEGER(32768)", "boolean true"],
    ["ISINTEGER('-12')", "boolean true"],
    ["ISINTEGER('0x1F')", "boolean true"],
    ["ISINTEGER('12.0')", "boolean false"],
    ["ISINTEGER(True)", "boolean true"],
    ["ISINTEGER(2.5)", "boolean false"],
    ["ISNUMERIC(True)", "boolean true"],
    ["ISNUMERIC('1e5')", "boolean true"],
    ["ISNUMERIC('')", "boolean false"],
    ["ISNUMERIC(SignalID)", "boolean false"],
    ["ISNUMERIC(NullInt)", "boolean false"],
  ]);
});

Deno.test("CONTAINS, STARTSWITH and ENDSWITH", () => {
  check([
    ["CONTAINS('abc', 'b')", "boolean true"],
    ["CONTAINS('abc', 'B')", "boolean false"],
    ["CONTAINS('abc', 'B', True)", "boolean true"],
    ["STARTSWITH('abc', 'ab')", "boolean true"],
    ["STARTSWITH('abc', 'AB', NULL)", "boolean false"],
    ["ENDSWITH('abc', 'BC', True)", "boolean true"],
    ["ENDSWITH('abc', '')", "boolean true"],
    ["CONTAINS('abc', NULL)", "boolean null"],
    ["STARTSWITH(AlternateTag, 'a')", "boolean null"],
    ["CONTAINS('abc', 'b', 'x')", "error its third argument, ignoreCase, is a string"],
  ]);
});

Deno.test("INDEXOF, LASTINDEXOF, NTHINDEXOF, STRCOUNT and STRCMP", () => {
  check([
    ["INDEXOF('abcabc', 'c')", "int32 2"],
    ["INDEXOF('abc', 'x')", "int32 -1"],
    ["INDEXOF('aBc', 'b', True)", "int32 1"],
    ["INDEXOF('\u{1f600}x', 'x')", "int32 1"],
    ["LASTINDEXOF('abcabc', 'b')", "int32 4"],
    ["LASTINDEXOF('abc', '')", "int32 3"],
    ["NTHINDEXOF('aaa', 'aa', 1)", "int32 1"],
    ["NTHINDEXOF('aaa', 'aa', 2)", "int32 -1"],
    ["NTHINDEXOF('abAB', 'B', 1, True)", "int32 3"],
    ["NTHINDEXOF('abc', 'a', -1)", "int32 -1"],
    ["NTHINDEXOF('abc', '', 3)", "int32 3"],
    ["NTHINDEXOF('abc', '', 4)", "int32 -1"],
    ["NTHINDEXOF('abc', 'a', NULL)", "int32 null"],
    ["STRCOUNT('aaaa', 'aa')", "int32 2"],
    ["STRCOUNT('aAa', 'A', True)", "int32 3"],
    ["STRCOUNT('abc', '')", "int32 0"],
    ["STRCOUNT(NULL, 'a')", "int32 null"],
    ["STRCMP('a', 'b')", "int32 -1"],
    ["STRCMP('b', 'a')", "int32 1"],
    ["STRCMP('a', 'A')", "int32 1"],
    ["STRCMP('a', 'A', True)", "int32 0"],
    ["STRCMP('a', NULL)", "int32 null"],
  ]);
});

Deno.test("LEN, LOWER, UPPER, TRIM, TRIMLEFT, TRIMRIGHT and REVERSE", () => {
  check([
    ["LEN('')", "int32 0"],
    ["LEN('\u{1f600}x')", "int32 2"],
    ["LEN(NULL)", "int32 null"],
    ["LOWER('ABC')", "string abc"],
    ["UPPER('stra\u00dfe')", "string STRASSE"],
    ["TRIM(' a\t')", "string a"],
    ["TRIMLEFT(' a ') + '.'", "string a ."],
    ["'.' + TRIMRIGHT(' a ')", "string . a"],
    ["REVERSE('abc')", "string cba"],
    ["REVERSE('a\u{1f600}')", "string \u{1f600}a"],
    ["UPPER(AlternateTag)", "string null"],
  ]);
});

Deno.test("REPLACE, SPLIT and SUBSTR", () => {
  check([
    ["REPLACE('aXbX', 'X', '--')", "string a--b--"],
    ["REPLACE('aXbx', 'x', '$&', True)", "string a$&b$&"],
    ["REPLACE('a.b', '.', '')", "string ab"],
    ["REPLACE('a-7.5', '-7.5', 'x', True)", "string ax"],
    ["REPLACE('abc', '', 'x')", "string xaxbxcx"],
    ["REPLACE('', '', 'x')", "string x"],
    ["REPLACE('a', 'a', NULL)", "string null"],
    ["SPLIT('a,b,c', ',', 0)", "string a"],
    ["SPLIT('a,b,c', ',', 2)", "string c"],
    ["SPLIT('a,b,c', ',', 3)", "string null"],
    ["SPLIT('a,b,c', ',', -1)", "string null"],
    ["SPLIT(',a', ',', 0)", "string "],
    ["SPLIT(',a', ',', 1)", "string a"],
    ["SPLIT('abc', ',', 0)", "string abc"],
    ["SPLIT('aXbxc', 'x', 1, True)", "string b"],
    ["SPLIT(AlternateTag, ',', 0)", "string null"],
    ["SUBSTR('hello', 1)", "string ello"],
    ["SUBSTR('hello', 1, 3)", "string ell"],
    ["SUBSTR('hello', 1, 99)", "string ello"],
    ["SUBSTR('hello', 9)", "string "],
    ["SUBSTR('hello', -1)", "string "],
    ["SUBSTR('hello', 1, 0)", "string "],
    ["SUBSTR('a\u{1f600}b', 1, 1)", "string \u{1f600}"],
    ["SUBSTR('hello', NULL)", "string null"],
    ["SUBSTR('hello', 1, NULL)", "string ello"],
  ]);
});

Deno.test("REGEXMATCH and REGEXVAL", () => {
  check([
    ["REGEXMATCH('^S.*y$', Acronym)", "boolean true"],
    ["REGEXMATCH('SH', Acronym)", "boolean false"],
    ["REGEXMATCH('(?i)SH', Acronym)", "boolean true"],
    ["REGEXVAL('Sh\\w+', Acronym)", "string Shelby"],
    ["REGEXVAL('[0-9]+', 'ab12cd34')", "string 12"],
    ["REGEXVAL('x', 'abc')", "string "],
    ["REGEXVAL(LOWER('B') + '.', 'abc')", "string bc"],
    ["REGEXMATCH(NULL, 'a')", "boolean null"],
    ["REGEXVAL('a', AlternateTag)", "string null"],
    ["REGEXMATCH('(', 'a')", "error REGEXMATCH: error parsing regexp"],
    ["REGEXMATCH('(?=a)', 'a')", "error no look-around"],
    ["REGEXMATCH('(a)\\1', 'a')", "error no back-references"],
    ["REGEXMATCH(1, 'a')", "error its first argument, regex, is an int32"],
  ]);
});

Deno.test("DATEADD", () => {
  check([
    ["DATEADD('2020-02-29', 1, 'Year')", "datetime 2021-02-28T00:00:00"],
    ["DATEADD(#2019-01-31#, 1, 'month')", "datetime 2019-02-28T00:00:00"],
    ["DATEADD(#2020-01-31#, -11, 'MONTH')", "datetime 2019-02-28T00:00:00"],
    ["DATEADD(#2019-01-31#, 2, 'Week')", "datetime 2019-02-14T00:00:00"],
    ["DATEADD(#2019-01-31#, 1, 'Day')", "datetime 2019-02-01T00:00:00"],
    ["DATEADD(#2019-01-31#, 1, 'WeekDay')", "datetime 2019-02-01T00:00:00"],
    ["DATEADD(#2019-01-31#, 1, 'DayOfYear')", "datetime 2019-02-01T00:00:00"],
    ["DATEADD(#2019-01-31#, 25, 'Hour')", "datetime 2019-02-01T01:00:00"],
    ["DATEADD(#2018-12-31 23:58#, 3, 'Minute')", "datetime 2019-01-01T00:01:00"],
    ["DATEADD('2019-01-1 00:59', 61, 'Second')", "datetime 2019-01-01T01:00:01"],
    ["DATEADD('2019-01-1 00:00:59.999', 2, 'Millisecond')", "datetime 2019-01-01T00:01:00.001"],
    ["DATEADD(#2020-01-01 00:00:00.0000001#, True, 'Day')", "datetime 2020-01-02T00:00:00.0000001"],
    ["DATEADD(#9999-12-31#, 1, 'Day')", "error out of range"],
    ["DATEADD(#2020-01-01#, 9223372036854775807, 'Year')", "error out of range"],
    ["DATEADD(NullTime, 1, 'Day')", "datetime null"],
    ["DATEADD(UpdatedOn, NULL, 'Day')", "datetime null"],
    ["DATEADD(UpdatedOn, 1, 'Fortnight')", "error DATEADD: no such interval"],
    ["DATEADD('soon', 1, 'Day')", 'error "soon" is not a datetime'],
    ["DATEADD(1, 1, 'Day')", "error its first argument, datetime, is an int32"],
    ["DATEADD(UpdatedOn, 1.5, 'Day')", "error its second argument, n, is a decimal"],
  ]);
});

Deno.test("DATEDIFF", () => {
  const span = "#2006-01-01#, #2008-12-31#";
  check([
    [`DATEDIFF(${span}, 'Year')`, "int32 2"],
    [`DATEDIFF(${span}, 'Month')`, "int32 35"],
    [`DATEDIFF(${span}, 'Day')`, "int32 1095"],
    [`DATEDIFF(${span}, 'WeekDay')`, "int32 1095"],
    [`DATEDIFF(${span}, 'Week')`, "int32 156"],
    [`DATEDIFF(${span}, 'Hour')`, "int32 26280"],
    [`DATEDIFF(${span}, 'Minute')`, "int32 1576800"],
    [`DATEDIFF(${span}, 'Second')`, "int32 94608000"],
    [`DATEDIFF(${span}, 'Millisecond')`, "int64 94608000000"],
    ["DATEDIFF(#2008-12-30 00:02:50.546#, '2008-12-31', 'Millisecond')", "int32 86229454"],
    ["DATEDIFF(#2021-01-02 23:59:59.6#, #2021-01-01#, 'Day')", "int32 -1"],
    ["DATEDIFF(#2021-01-02 23:59:59.6#, #2021-01-01#, 'Hour')", "int32 -47"],
    ["DATEDIFF(#2020-02-29#, #2021-02-28#, 'Year')", "int32 1"],
    ["DATEDIFF(#2020-03-01#, #2020-02-01 00:00:01#, 'Month')", "int32 0"],
    ["DATEDIFF(#2020-01-31#, #2020-02-29#, 'Month')", "int32 1"],
    ["DATEDIFF(NullTime, UpdatedOn, 'Day')", "int32 null"],
  ]);
});

Deno.test("DATEPART", () => {
  const time = "#2019-02-04T03:00:52.73-05:00#";
  check([
    [`DATEPART(${time}, 'Year')`, "int32 2019"],
    [`DATEPART(${time}, 'Month')`, "int32 2"],
    [`DATEPART(${time}, 'Day')`, "int32 4"],
    [`DATEPART(${time}, 'Hour')`, "int32 8"],
    [`DATEPART(${time}, 'Minute')`, "int32 0"],
    [`DATEPART(${time}, 'Second')`, "int32 52"],
    [`DATEPART(${time}, 'Millisecond')`, "int32 730"],
    [`DATEPART(${time}, 'DayOfyear')`, "int32 35"],
    [`DATEPART(${time}, 'Week')`, "int32 6"],
    [`DATEPART(${time}, 'WeekDay')`, "int32 2"],
    ["DATEPART('2021-09-05', 'WeekDay')", "int32 1"],
    ["DATEPART('2021-09-04', 'WeekDay')", "int32 7"],
    ["DATEPART('2021-01-03', 'Week')", "int32 53"],
    ["DATEPART('2024-12-30', 'Week')", "int32 1"],
    ["DATEPART(UpdatedOn, NULL)", "int32 null"],
    ["DATEPART(UpdatedOn, Acronym)", "error no such interval"],
  ]);
});

Deno.test("CONVERT says what is out of range", () => {
  check([
    ["CONVERT(2147483648, 'int32')", "error 2147483648 is out of the range of int32"],
    ["CONVERT('-9223372036854775809', 'int64')", "error -9223372036854775809 is out of the range of int64"],
    ["CONVERT(1e300, 'int64')", "error 1e+300 is out of the range of int64"],
    ["CONVERT('abc', 'int32')", "error its first argument can't be converted to int32"],
  ]);
});

Deno.test("MAXOF and MINOF", () => {
  check([
    ["MAXOF(1, 2.5)", "decimal 2.5"],
    ["MAXOF(1, 1.0)", "int32 1"],
    ["MINOF(2.5, 1, 3e0)", "int32 1"],
    ["MAXOF('a', 'B')", "string B"],
    ["MAXOF(1, '3')", "string 3"],
    ["CONVERT(MAXOF(12, '99.9', 99.99), 'Double')", "double 99.99"],
    ["MAXOF(NULL, 1)", "int32 1"],
    ["MINOF(NullInt, AccessID, 5)", "int32 2"],
    ["MINOF(NullInt, NullInt)", "int32 null"],
    ["MAXOF(#2020-01-01#, UpdatedOn)", "datetime 2024-02-29T12:34:56.789"],
    ["MINOF(True, 0)", "int32 0"],
    ["MAXOF(AccessID, 1.5) * 2", "int32 4"],
    ["MAXOF(AccessID, '3')", "string 3"],
    ["MAXOF(AccessID, 'abc')", 'error "abc" can\'t be compared with an integer'],
    ["MAXOF(NullInt, 'abc')", 'error "abc" can\'t be compared with an integer'],
    ["MINOF(NullTime, 'b', 'a')", 'error "b" can\'t be compared with a datetime'],
    ["MINOF('b', NullTime, '2020-01-01')", "string 2020-01-01"],
    ["MAXOF(1, SignalID)", "error MAXOF can't be applied to an int32 and a guid"],
    ["MAXOF(1, 'x')", 'error "x" can\'t be compared'],
    ["MAXOF(1)", "error MAXOF with 1 argument"],
  ]);
});

Deno.test("NOW is local, UTCNOW is not; both follow the clock", () => {
  const clock = new ManualClock(Date.UTC(2024, 5, 1, 12));
  const offset = new Date(clock.now()).getTimezoneOffset();
  assertEquals(evaluated("UTCNOW()", undefined, { clock }), "datetime 2024-06-01T12:00:00");
  assertEquals(
    evaluated("DATEDIFF(UTCNOW(), NOW(), 'Minute')", undefined, { clock }),
    `int32 ${-offset || 0}`,
  );
  clock.advance(1500);
  assertEquals(evaluated("UTCNOW()", sampleRow(), { clock }), "datetime 2024-06-01T12:00:01.5");
});
