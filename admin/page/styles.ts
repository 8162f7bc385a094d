/** The style sheet of the pages. */
export const Styles: string = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #fff; --text: #1b2330; --dim: #5a6575; --line: #d9dee6;
  --accent: #0b5cad; --good: #14713d; --bad: #b3261e; --warn: #fff3d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #11151b; --card: #1a2029; --text: #e4e8ee; --dim: #9aa5b4; --line: #2e3744;
    --accent: #7ab8ff; --good: #6fd19a; --bad: #ff8a80; --warn: #3a2f12;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--card); padding: 4px 8px; }
header { display: flex; flex-wrap: wrap; gap: 4px 24px; align-items: center; padding: 10px 20px;
  background: var(--card); border-bottom: 1px solid var(--line); }
nav { display: flex; gap: 4px; }
nav a { padding: 4px 10px; border-radius: 6px; text-decoration: none; }
nav a[aria-current] { background: var(--accent); color: var(--card); }
.user { margin-left: auto; color: var(--dim); }
main { padding: 12px 20px 40px; max-width: 1600px; margin: 0 auto; }
h1 { font-size: 22px; margin: 8px 0 14px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0 0 6px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(360px, 100%), 1fr)); gap: 14px; }
.card, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.card { padding: 14px 16px; min-width: 0; }
.card p { margin: 0 0 6px; }
.figure b { font-size: 28px; font-variant-numeric: tabular-nums; }
dl { margin: 0; }
dl div { display: flex; gap: 12px; padding: 3px 0; border-top: 1px solid var(--line); }
dt { flex: 0 0 38%; color: var(--dim); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.state { font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.scroll { overflow-x: auto; margin: 16px 0; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding: 10px 12px; }
th, td { padding: 6px 12px; text-align: left; border-top: 1px solid var(--line); vertical-align: top; }
th { white-space: nowrap; color: var(--dim); font-weight: 600; }
th a { color: inherit; }
th[aria-sort=ascending] a::after { content: " \\2191"; }
th[aria-sort=descending] a::after { content: " \\2193"; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.warn { background: var(--warn); }
small, .pager { color: var(--dim); }
form { display: flex; flex-wrap: wrap; gap: 10px; align-items: end; margin: 0 0 12px; }
form.action { margin-top: 16px; }
label { display: flex; flex-direction: column; color: var(--dim); font-size: 13px; }
label.wide { flex: 1 1 420px; }
input, select, button { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 6px 10px; }
label.wide input, code, pre { font-family: ui-monospace, monospace; }
button { cursor: pointer; background: var(--accent); border-color: var(--accent); color: var(--card); }
button.danger { background: var(--bad); border-color: var(--bad); }
input[aria-invalid] { border-color: var(--bad); }
.mistake, .notice { background: var(--card); border-left: 4px solid var(--bad); padding: 10px 14px; margin: 0 0 14px; }
.mistake p { margin: 0 0 6px; }
.mistake pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { background: var(--bad); color: var(--card); }
.live { font-size: 13px; padding: 3px 10px; }
`;
