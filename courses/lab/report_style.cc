#include "courses/lab/report_style.h"

namespace strata::courses::internal {

const char kReportStyle[] = R"(
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --soft: #59636e; --line: #dde1e6; --paper: #ffffff; --page: #f6f7f9; --accent: #0b63a5;
  --code: #f2f4f7; --pass: #0f7b4f; --fail: #c2410c; --pass-wash: #e5f5ee; --fail-wash: #fdebe0; --stripe: #f8f9fb;
  --k: #8a2f9c; --t: #0b63a5; --n: #9a5200; --s: #2d7a2d; --m: #6b7785; --p: #a03a3a; --f: #1f4f8a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6eaef; --soft: #9aa5b1; --line: #2b323b; --paper: #161b22; --page: #0d1117; --accent: #6cb6ff;
    --code: #1c222b; --pass: #3fce8e; --fail: #ff9a66; --pass-wash: #10291f; --fail-wash: #33201a; --stripe: #191f27;
    --k: #d9a3e8; --t: #7cc0ff; --n: #f0b56b; --s: #8fd08f; --m: #8591a0; --p: #f0908f; --f: #a8c8f5;
  }
}
* { box-sizing: border-box }
html { scroll-behavior: smooth; scroll-padding-top: 1rem }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
.frame { max-width: 1180px; margin: 0 auto; padding: 2.2rem 1.4rem 4rem; display: grid; gap: 0 2.4rem;
  grid-template-columns: minmax(0, 1fr) }
header h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em }
header p { color: var(--soft); margin: 0; font-size: 1.05rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: .8rem; margin: 1.6rem 0 .4rem }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .75rem .95rem;
  border-top: 3px solid var(--line) }
.card.pass { border-top-color: var(--pass) }
.card.fail { border-top-color: var(--fail); background: var(--fail-wash) }
.card .label { color: var(--soft); font-size: .8rem; display: flex; justify-content: space-between; gap: .5rem }
.card .value { font-size: 1.3rem; font-weight: 650; line-height: 1.35; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere }
.card .detail { color: var(--soft); font-size: .8rem; line-height: 1.4 }
.verdict { font-weight: 650; white-space: nowrap }
.pass > .verdict, .label > .verdict.ok { color: var(--pass) }
.fail > .verdict, .label > .verdict.bad { color: var(--fail) }
nav.contents { font-size: .88rem; margin: 1.2rem 0 0 }
nav.contents ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem }
nav.contents .sub { display: none }
nav.contents a { color: var(--soft); text-decoration: none }
nav.contents a:hover { color: var(--accent); text-decoration: underline }
main { min-width: 0 }
h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
h2 a, h3 a { color: inherit; text-decoration: none }
h2 a:hover::after, h3 a:hover::after { content: " #"; color: var(--soft) }
p, ul { margin: .6rem 0; max-width: 78ch }
ul { padding-left: 1.3rem }
code { font: .88em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
p code, li code, td code, figcaption code { background: var(--code); border-radius: 4px; padding: .08em .32em }
figure { margin: 1rem 0; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .8rem;
  overflow-x: auto }
figure > svg { display: block; margin: 0 auto }
figcaption { color: var(--soft); font-size: .86rem; margin-top: .5rem; padding: 0 .3rem; max-width: 90ch }
pre { margin: 0; padding: .3rem .4rem; overflow: auto; max-height: 34rem; background: none; tab-size: 4 }
figure.code { background: var(--code) }
.k { color: var(--k) } .t { color: var(--t) } .n { color: var(--n) } .s { color: var(--s) } .m { color: var(--m) }
.p { color: var(--p) } .f { color: var(--f) } .m { font-style: italic }
.table { overflow-x: auto; margin: 1rem 0; background: var(--paper); border: 1px solid var(--line); border-radius: 10px }
table { border-collapse: collapse; width: 100%; font-size: .88rem }
caption { caption-side: bottom; text-align: left; color: var(--soft); font-size: .86rem; padding: .6rem .9rem }
th, td { padding: .42rem .65rem; text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); white-space: nowrap }
td.num, th.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tbody tr:nth-child(even) { background: var(--stripe) }
table.sortable th { cursor: pointer }
th[aria-sort]::after { color: var(--accent) }
th[aria-sort="ascending"]::after { content: " \25B4" }
th[aria-sort="descending"]::after { content: " \25BE" }
.check { display: flex; gap: .7rem; align-items: baseline; padding: .35rem .8rem; margin: .35rem 0; border-radius: 8px }
.check.pass { background: var(--pass-wash) }
.check.fail { background: var(--fail-wash) }
.check .detail { color: var(--soft) }
details { margin: .8rem 0; border: 1px solid var(--line); border-radius: 10px; padding: 0 .9rem; background: var(--paper) }
details > summary { cursor: pointer; padding: .55rem 0; font-weight: 550 }
details[open] { padding-bottom: .7rem }
@media (min-width: 1080px) {
  .frame { grid-template-columns: minmax(0, 1fr) 200px }
  .frame > header { grid-column: 1 / -1 }
  nav.contents { grid-column: 2; grid-row: 2; position: sticky; top: 1.4rem; align-self: start; margin-top: 2.4rem;
    border-left: 2px solid var(--line); padding-left: 1rem; max-height: calc(100vh - 2.8rem); overflow-y: auto }
  nav.contents ol { display: block }
  nav.contents li { margin: .28rem 0; line-height: 1.35 }
  nav.contents .sub { display: block; padding-left: .8rem; font-size: .94em }
  main { grid-column: 1; grid-row: 2 }
}
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #ccc; --paper: #fff; --page: #fff; --code: #f6f6f6;
    --pass-wash: #fff; --fail-wash: #fff; --stripe: #fff }
  .frame { display: block; max-width: none; padding: 0 }
  nav.contents { display: none }
  pre { max-height: none; white-space: pre-wrap }
  figure, .table, .card, .check { break-inside: avoid }
  h2, h3 { break-after: avoid }
}
)";

// No "<" and no "&": the page stays well-formed XML.
const char kReportScript[] = R"(
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const key = row => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
    };
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const x = key(a), y = key(b);
      if (typeof x === "number") return typeof y === "number" ? sign * (x - y) : -1;
      return typeof y === "number" ? 1 : sign * x.localeCompare(y);
    });
    table.tBodies[0].append(...rows);
  }));
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(one => { one.open = true; }));
)";

}  // namespace strata::courses::internal
