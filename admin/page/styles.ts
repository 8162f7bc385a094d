/** The style sheet of the pages. */
export const Styles: string = `
:root {
  color-scheme: light dark;
  --back: #f5f6f8; --card: #fff; --raised: #fafbfc; --text: #18202b; --dim: #5a6676; --faint: #8692a3;
  --line: #e2e6ec; --strong: #c9d0da;
  --accent: #1b5fc1; --accent-soft: #e8f0fc; --on-accent: #fff;
  --good: #17794a; --good-soft: #e4f4ec; --warn: #8a5a00; --warn-soft: #fdf3dc; --bad: #b42a22; --bad-soft: #fdeceb;
  --s0: #1b6fd0; --s1: #c2410c; --s2: #15803d; --s3: #7e22ce; --s4: #be185d; --s5: #0e7490; --s6: #a16207; --s7: #4d5b70;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0e1217; --card: #151b23; --raised: #1a212b; --text: #dde4ec; --dim: #97a4b5; --faint: #6b7889;
    --line: #242d39; --strong: #3a4657;
    --accent: #74b1ff; --accent-soft: #17283f; --on-accent: #08131f;
    --good: #5fce93; --good-soft: #12291e; --warn: #e6b450; --warn-soft: #2d240e; --bad: #ff8379; --bad-soft: #351816;
    --s0: #6fb0ff; --s1: #ff9f66; --s2: #63d297; --s3: #c79bff; --s4: #ff8fbd; --s5: #5fd0e6; --s6: #e6c25a; --s7: #a9b6c6;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--back); color: var(--text); font: 13.5px/1.5 Inter, system-ui, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; border-radius: 3px; }
code, pre, textarea, .mono, label.wide input { font-family: ui-monospace, "JetBrains Mono", "SF Mono", Consolas, monospace; font-size: 12.5px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; z-index: 9; background: var(--card); padding: 4px 8px; }

header { position: sticky; top: 0; z-index: 5; display: flex; align-items: center; gap: 0 20px; padding: 0 20px;
  background: var(--card); border-bottom: 1px solid var(--line); }
header strong { font-weight: 700; letter-spacing: .04em; }
nav { display: flex; align-self: stretch; overflow-x: auto; scrollbar-width: none; min-width: 0; }
nav a { display: flex; align-items: center; padding: 12px 11px 10px; color: var(--dim); font-weight: 500; white-space: nowrap;
  border-bottom: 2px solid transparent; }
nav a:hover { color: var(--text); text-decoration: none; }
nav a[aria-current] { color: var(--text); border-color: var(--accent); }
nav a:focus-visible { outline-offset: -3px; }
.aside { margin-left: auto; display: flex; align-items: center; gap: 12px; color: var(--dim); white-space: nowrap; }
.user b { font-weight: 500; color: var(--text); }
main { padding: 18px 20px 48px; max-width: 1680px; margin: 0 auto; }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; margin: 0 0 14px; }
h1 { font-size: 19px; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 13.5px; font-weight: 600; margin: 0 0 6px; }
.tabs { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 0 0 12px; }
.tabs + .tabs { margin-top: -6px; }
.tabs a { color: var(--dim); padding: 2px 0; }
.tabs a[aria-current] { color: var(--text); font-weight: 600; box-shadow: 0 2px 0 var(--accent); }

.card, .scroll, .plot { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.cards { columns: 3 350px; column-gap: 14px; margin: 0 0 2px; }
.cards .card { break-inside: avoid; margin: 0 0 14px; }
.cards + .hint { margin-top: 10px; }
.card { padding: 13px 16px 10px; min-width: 0; }
.card p { margin: 0 0 8px; }
.system { margin: 0 0 16px; padding: 0; }
.system > .head { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; padding: 11px 16px; border-bottom: 1px solid var(--line); }
.system > .head h2 { margin: 0; font-size: 15px; }
.head .at { color: var(--dim); margin-left: auto; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.figure { position: relative; padding: 11px 16px 12px; margin: 0; min-width: 0; box-shadow: 1px 0 0 var(--line), 0 1px 0 var(--line); overflow: hidden; }
.figure dt { color: var(--dim); font-size: 12px; flex: none; }
.figure dd { margin: 0; font-size: 21px; line-height: 1.25; font-weight: 600; letter-spacing: -.015em; white-space: nowrap; }
.figure dd small { font-size: 12.5px; font-weight: 400; letter-spacing: 0; }
.figure.warn dd { color: var(--warn); } .figure.bad dd { color: var(--bad); }
.spark { display: block; width: 100%; height: 22px; margin-top: 4px; overflow: visible; }
.spark polyline { fill: none; stroke: var(--s0); stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.facts { columns: 3 320px; column-gap: 32px; padding: 8px 16px 10px; margin: 0; }
.facts div { break-inside: avoid; }
dl { margin: 0; }
dl.terms div { display: flex; gap: 12px; padding: 3.5px 0; border-top: 1px solid var(--line); }
dl.terms div:first-child { border-top: 0; }
.facts.terms div { border: 0; padding: 2px 0; }
dl.counts dt { flex: 1; } dl.counts dd { white-space: nowrap; }
dt { flex: 0 0 34%; color: var(--dim); overflow-wrap: anywhere; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }

.pill { display: inline-flex; align-items: center; gap: 6px; padding: 0 8px; border-radius: 99px; font-size: 12px; line-height: 20px;
  font-weight: 500; color: var(--dim); background: var(--raised); box-shadow: inset 0 0 0 1px var(--line); white-space: nowrap; }
.pill::before { content: ""; width: 6px; height: 6px; border-radius: 50%; background: currentColor; }
.pill.good { color: var(--good); background: var(--good-soft); box-shadow: none; }
.pill.warn { color: var(--warn); background: var(--warn-soft); box-shadow: none; }
.pill.bad { color: var(--bad); background: var(--bad-soft); box-shadow: none; }

.scroll { overflow-x: auto; margin: 0 0 16px; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding: 10px 14px 8px; }
th, td { padding: 5px 14px; text-align: left; border-top: 1px solid var(--line); vertical-align: baseline; }
thead th { border-top: 0; }
caption + thead th { border-top: 1px solid var(--line); }
th { white-space: nowrap; color: var(--dim); font-weight: 500; font-size: 12px; background: var(--raised); }
th a { color: inherit; }
th[aria-sort=ascending] a, th[aria-sort=descending] a { color: var(--text); font-weight: 600; }
th[aria-sort=ascending] a::after { content: " \\2191"; }
th[aria-sort=descending] a::after { content: " \\2193"; }
tbody tr:hover { background: var(--raised); }
td small { display: block; line-height: 1.35; } td small.beside { display: inline; margin-left: 6px; }
.number { text-align: right; white-space: nowrap; }
.nowrap, td.time { white-space: nowrap; }
.links { min-width: 26ch; }
.clip { max-width: 34ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.cells td { max-width: 44ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.none td { color: var(--faint); }
.empty { color: var(--faint); }
tr.warn td:first-child { box-shadow: inset 3px 0 0 var(--warn); }
tr.bad td:first-child { box-shadow: inset 3px 0 0 var(--bad); }
.late { color: var(--warn); font-weight: 600; } .lost { color: var(--bad); font-weight: 600; }
.bar { display: inline-block; width: 56px; height: 5px; margin-left: 8px; vertical-align: 2px; }
.bar rect { fill: var(--line); } .bar .fill { fill: var(--good); } .bar .fill.warn { fill: var(--warn); } .bar .fill.bad { fill: var(--bad); }
small, .pager, .hint { color: var(--dim); font-size: 12px; }
.hint { margin: 0 0 14px; max-width: 80ch; }
.pager { display: flex; gap: 14px; margin: -6px 2px 16px; }

form { display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: end; margin: 0 0 14px; }
.card form { margin: 0 0 6px; }
form.stack { flex-direction: column; align-items: stretch; }
.bar-of-forms { display: flex; flex-wrap: wrap; align-items: end; gap: 0 10px; } .bar-of-forms p { margin: 0 0 20px; }
form.inline { display: inline; margin: 0; }
label { display: flex; flex-direction: column; gap: 2px; color: var(--dim); font-size: 12px; }
label.wide { flex: 1 1 420px; }
input, select, button, textarea, .button { font: inherit; font-size: 13.5px; color: var(--text); background: var(--card); border: 1px solid var(--strong);
  border-radius: 6px; padding: 5px 10px; min-height: 32px; }
textarea { resize: vertical; min-height: 72px; }
input[type=checkbox] { min-height: 0; width: 15px; height: 15px; margin: 0; accent-color: var(--accent); vertical-align: -2px; }
input[aria-invalid] { border-color: var(--bad); }
button, .button { cursor: pointer; font-weight: 500; white-space: nowrap; }
button:hover, .button:hover { background: var(--raised); text-decoration: none; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.danger { color: var(--bad); border-color: currentColor; }
button.danger:hover { background: var(--bad-soft); }
button.small, .button.small { min-height: 0; padding: 1px 8px; font-size: 12px; }
.live { min-height: 0; padding: 2px 9px; font-size: 12px; color: var(--dim); }

.mistake, .notice { border-radius: 8px; padding: 9px 14px; margin: 0 0 14px; background: var(--bad-soft); color: var(--text); border: 1px solid color-mix(in srgb, var(--bad) 35%, transparent); }
.notice.good { background: var(--good-soft); border-color: color-mix(in srgb, var(--good) 35%, transparent); }
.mistake p { margin: 0 0 4px; }
.mistake pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { background: none; color: var(--bad); font-weight: 700; text-decoration: underline wavy; text-underline-offset: 3px; }
del { color: var(--bad); } ins { color: var(--good); text-decoration: none; }

.plot { padding: 10px 12px 8px; margin: 0 0 14px; }
.plot h2 { display: flex; flex-wrap: wrap; gap: 0 18px; align-items: baseline; margin: 0 0 2px 4px; }
.key { font-weight: 400; font-size: 12px; color: var(--dim); } .key .swatch { margin-right: 6px; }
.chart { min-height: 240px; }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 8px; background: var(--strong); }
${Array.from({ length: 8 }, (_, i) => `.swatch.s${i} { background: var(--s${i}); }`).join("\n")}
.uplot, .uplot * { font-family: inherit; }
.u-legend { display: none; }

@media (max-width: 700px) {
  header { flex-wrap: wrap; padding: 0 14px; gap: 0 10px; }
  header strong { padding: 9px 0; }
  nav { order: 3; width: calc(100% + 28px); margin: 0 -14px; padding: 0 6px; border-top: 1px solid var(--line); }
  nav a { padding: 9px 9px 7px; }
  main { padding: 14px 12px 40px; }
  th, td { padding: 6px 10px; }
  .minor { display: none; }
  .figures { grid-template-columns: repeat(2, 1fr); }
  .figure dd { font-size: 18px; }
  .head .at { margin-left: 0; width: 100%; }
  .clip { max-width: 22ch; }
  form.query label { flex: 1 1 90px; }
  form.query input[type=search] { width: 100%; }
  form.query label.wide { flex-basis: 100%; }
  dt { flex-basis: 38%; }
}
@media (prefers-reduced-motion: no-preference) { .pill, button, nav a { transition: background .12s, color .12s; } }
@media print { header, form, .live { display: none; } }
`;

/** The icon of the pages: a wave. */
export const Icon: string = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#1b5fc1"/>
<path d="M4 16c3-9 6-9 8 0s5 9 8 0 5-9 8 0" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/>
</svg>
`;
