#include "absl/strings/str_cat.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

// After Okabe and Ito: told apart with any kind of colour vision; lines and markers differ in shape as well.
constexpr char kStyle[] = R"(
svg.plot {
  --ink: #1b1f24; --soft: #59636e; --grid: #e6e9ed; --axis: #9aa4af; --paper: #ffffff; --inside: #ffffff;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #c4609a; --s4: #d18f00; --s5: #3a9bd6; --s6: #7a6a00; --s7: #6b7280;
  max-width: 100%; height: auto; font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  svg.plot {
    --ink: #eceff3; --soft: #a7b0bb; --grid: #2b323b; --axis: #66707c; --paper: #161b22; --inside: #0d1117;
    --s0: #56b4e9; --s1: #ff8a4c; --s2: #2fcf9f; --s3: #ea97c6; --s4: #f2b632; --s5: #8fd0ff; --s6: #d9cf5b;
    --s7: #a3acb8;
  }
}
@media print {
  svg.plot {
    --ink: #1b1f24; --soft: #59636e; --grid: #e6e9ed; --axis: #9aa4af; --paper: #ffffff; --inside: #ffffff;
    --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #c4609a; --s4: #d18f00; --s5: #3a9bd6; --s6: #7a6a00;
    --s7: #6b7280;
  }
}
svg.plot .c0 { --c: var(--s0) } svg.plot .c1 { --c: var(--s1) } svg.plot .c2 { --c: var(--s2) }
svg.plot .c3 { --c: var(--s3) } svg.plot .c4 { --c: var(--s4) } svg.plot .c5 { --c: var(--s5) }
svg.plot .c6 { --c: var(--s6) } svg.plot .c7 { --c: var(--s7) }
svg.plot text { fill: var(--soft) }
svg.plot .title { font-size: 14px; font-weight: 600; fill: var(--ink) }
svg.plot .label { fill: var(--ink) }
svg.plot .tick, svg.plot .value { font-variant-numeric: tabular-nums }
svg.plot .value { font-size: 10px; paint-order: stroke; stroke: var(--paper); stroke-width: 2.5px; stroke-linejoin: round }
svg.plot .inside { font-size: 10px; fill: var(--inside); pointer-events: none }
svg.plot .on-light { fill: #14181d }
svg.plot .grid { stroke: var(--grid); stroke-width: 1; shape-rendering: crispEdges }
svg.plot .axis { stroke: var(--axis); stroke-width: 1; shape-rendering: crispEdges }
svg.plot .guide { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 5 4 }
svg.plot .band { fill: var(--soft); opacity: .1 }
svg.plot .line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
svg.plot .thin { stroke-width: 1.1 }
svg.plot .dashed { stroke-dasharray: 6 5 }
svg.plot .dot { fill: var(--c); stroke: var(--paper); stroke-width: .8 }
svg.plot .ghost { fill: var(--c); opacity: 0 }
svg.plot .ghost:hover { opacity: .9 }
svg.plot .bar { fill: var(--c) }
svg.plot .box { fill: var(--c) }
svg.plot .edged { stroke: var(--paper); stroke-width: .8 }
svg.plot .memory { fill: hsl(var(--h) 52% var(--l)) }
svg.plot .bar:hover, svg.plot .box:hover, svg.plot .memory:hover { filter: brightness(1.15) }
)";

}  // namespace

absl::string_view PlotStyle() { return kStyle; }

std::string StandaloneSvg(absl::string_view svg) {
  const size_t body = svg.find('>');
  if (body == absl::string_view::npos) return std::string(svg);
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", svg.substr(0, body + 1),
                      "\n<style>", kStyle, "svg.plot { background: var(--paper) }\n</style>",
                      svg.substr(body + 1));
}

}  // namespace strata::courses
