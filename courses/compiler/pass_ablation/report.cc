#include "courses/compiler/pass_ablation/report.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

Table VariantTable(const Ablation& ablation) {
  Table table{.columns = {{"left out", false, true},
                          {"launches", true},
                          {"host calls", true},
                          {"bytes", true},
                          {"peak memory", true},
                          {"time (measured)", true},
                          {"difference", true}}};
  for (const Variant& v : ablation.variants) {
    const bool all = &v == &ablation.All();
    table.rows.push_back({all ? "nothing" : v.name, Cell(v.launches), Cell(v.host_calls),
                          Cell(v.bytes, "B"), Cell(v.arena, "B"),
                          v.seconds > 0 ? Cell(v.seconds, "s") : Cell("not measured"),
                          Cell(absl::StrFormat("%.1e", v.worst))});
  }
  table.caption = "Launches, bytes and peak memory are counted from the plan.";
  return table;
}

// Each count as a multiple of the whole pipeline's.
std::string VariantPlot(const Ablation& ablation) {
  std::vector<BarGroup> groups;
  const Variant& all = ablation.All();
  const auto ratio = [](double a, double b) {
    return b > 0 ? a / b : std::numeric_limits<double>::quiet_NaN();
  };
  for (const Variant& v : ablation.variants) {
    if (&v == &all) continue;
    groups.push_back({v.name,
                      {ratio(v.launches, all.launches), ratio(v.bytes, all.bytes),
                       ratio(v.arena, all.arena), ratio(v.seconds, all.seconds)}});
  }
  return BarPlot({.title = absl::StrCat(ablation.model, ": one pass left out, against all passes"),
                  .x = {.label = "multiple of the whole pipeline (1 is no difference)"}},
                 {"launches", "bytes", "peak memory", "time"}, groups, /*horizontal=*/true);
}

}  // namespace

Report MakeReport(const std::vector<const Ablation*>& ablations, const std::vector<Claim>& claims) {
  Report report("What each compiler pass is worth",
                "Two training steps, compiled with one pass left out at a time");
  for (const Ablation* ablation : ablations) {
    const Variant &all = ablation->All(), &none = ablation->Without("no pass at all");
    report.AddCard({ablation->model + ": launches", absl::StrCat(all.launches),
                    absl::StrCat(none.launches, " without any pass")});
    report.AddCard({ablation->model + ": bytes", Cell(all.bytes, "B").text,
                    absl::StrCat(Cell(none.bytes, "B").text, " without any pass")});
  }
  report.AddSection("Claims");
  report.AddParagraph("Each line is checked on this run; one that fails makes the lab fail.");
  report.AddClaims(claims);
  for (const Ablation* ablation : ablations) {
    report.AddSection(ablation->model);
    report.AddFigure(VariantPlot(*ablation),
                     "A pass whose absence changes nothing has nothing to do in this graph, or "
                     "another pass stands in for it.");
    report.AddTable(VariantTable(*ablation));
  }
  report.AddSection("How to read this");
  report.AddList(
      {"`bytes` is what all steps read and write, each operand once: what a machine without caches "
       "would move.",
       "`peak memory` is the arena of the plan: values that live between steps. Parameters and "
       "inputs are the caller's.",
       "The CNN's convolutions are written out as patches times weights, for the graph has no "
       "convolution op; the GPT's attention is written out on purpose, so that "
       "`attention_fusion` has something to find.",
       "`transpose_sinking` and `layout_assignment` stand in for one another on simple graphs: "
       "look at the row where both are left out.",
       "In the last two rows every matrix product is an emitted kernel: only such a kernel can "
       "take along what follows it, so elsewhere `epilogue_fusion` has nothing to do.",
       "Time is the best of a few runs on this machine, and no claim rests on it."});
  return report;
}

std::string ToJson(const Ablation& ablation) {
  std::string json;
  for (const Variant& v : ablation.variants) {
    absl::StrAppend(&json, "{\"model\": \"", ablation.model, "\", \"left_out\": \"",
                    &v == &ablation.All() ? "" : v.name, "\", \"launches\": ", v.launches,
                    ", \"host_calls\": ", v.host_calls,
                    ", \"bytes\": ", absl::StrFormat("%.0f", v.bytes),
                    ", \"arena_bytes\": ", absl::StrFormat("%.0f", v.arena),
                    ", \"seconds\": ", absl::StrFormat("%.6f", v.seconds), "}\n");
  }
  return json;
}

}  // namespace strata::courses
