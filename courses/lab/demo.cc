// Every piece of the report library on one page, from made-up numbers.
//
//   bazel run //courses/lab:demo -- /tmp/demo.html
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/user_folder.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

// Noise in [-1, 1), the same every time.
double Noise() {
  static uint32_t state = 12345;
  state = state * 1664525u + 1013904223u;
  return static_cast<double>(state >> 8) / (1 << 23) - 1;
}

std::string Loss() {
  Series train{.name = "train"};
  Series held_out{.name = "held out", .markers = true};
  Series schedule{.name = "trend", .dashed = true};
  for (int step = 0; step <= 1500; ++step) {
    const double trend = 1.7 + 5.9 * std::exp(-step / 180.0);
    train.x.push_back(step);
    train.y.push_back(trend * (1 + 0.05 * Noise()));
    if (step % 150 == 0) {
      held_out.x.push_back(step);
      held_out.y.push_back(trend * 1.03);
    }
    if (step % 10 == 0) {
      schedule.x.push_back(step);
      schedule.y.push_back(trend);
    }
  }
  return LinePlot({.title = "Loss", .x = {.label = "step"}, .y = {.label = "cross entropy (nats)"}},
                  {train, held_out, schedule});
}

std::string Predicted() {
  std::vector<Series> series = {
      {.name = "matmul"}, {.name = "elementwise"}, {.name = "reduction"}, {.name = "copy"}};
  for (int i = 0; i < 80; ++i) {
    const double predicted = 2e-6 * std::pow(10.0, 1.75 * (Noise() + 1));
    Series& one = series[i % 4];
    one.x.push_back(predicted);
    one.y.push_back(predicted * std::pow(10.0, 0.28 * Noise() + 0.05));
    one.labels.push_back(absl::StrCat("kernel ", i));
  }
  return ScatterPlot({.title = "Kernel times, predicted against measured",
                      .height = 440,
                      .x = {.label = "predicted", .unit = "s", .log = true},
                      .y = {.label = "measured", .unit = "s", .log = true}},
                     series, /*diagonal=*/true);
}

std::string Timeline() {
  std::vector<TimelineSpan> spans;
  for (int rank = 0; rank < 2; ++rank) {
    double now = 0;
    for (int i = 0; i < 26; ++i) {
      const char* category = i % 5 == 0    ? "library"
                             : i % 7 == 3  ? "collective"
                             : i % 11 == 6 ? "host"
                                           : "launch";
      const double duration = (i % 5 == 0 ? 1.1e-3 : 3e-4) * (1.2 + Noise());
      spans.push_back({absl::StrCat("rank ", rank), absl::StrCat(category, "_", i), category, now,
                       duration, "model.cc:42 attention"});
      now += duration + 2e-5;
    }
  }
  return TimelinePlot({.title = "One training step", .x = {.label = "time"}}, spans);
}

std::string Memory() {
  std::vector<MemoryBlock> blocks;
  double offset = 0;
  for (int layer = 0; layer < 6; ++layer) {
    blocks.push_back(
        {absl::StrCat("layer", layer, ".hidden"), 6.0 * layer, 70.0 - 5 * layer, offset, 6e6});
    offset += 6e6;
    blocks.push_back(
        {absl::StrCat("layer", layer, ".scores"), 6.0 * layer + 2, 6.0 * layer + 4, 4.2e7, 1.2e7});
    blocks.push_back(
        {absl::StrCat("layer", layer, ".mlp"), 6.0 * layer + 4, 6.0 * layer + 6, 5.4e7, 9e6});
  }
  blocks.push_back({"logits", 36, 40, 4.2e7, 2.4e7});
  return MemoryPlot({.title = "Memory plan", .height = 320}, blocks, 6.6e7);
}

std::string Rates() {
  return BarPlot(
      {.title = "Tokens per second", .y = {.label = "tokens/s"}}, {"fp32", "int8"},
      {{"1 thread", {610, 1480}}, {"2 threads", {1150, 2790}}, {"2 ranks", {1090, 2600}}});
}

std::string Kernels() {
  return BarPlot({.title = "Where the time goes", .x = {.label = "time of one step", .unit = "s"}},
                 {"measured", "predicted"},
                 {{"matmul", {8.4e-3, 7.9e-3}},
                  {"attention", {3.1e-3, 2.2e-3}},
                  {"softmax_cross_entropy", {1.4e-3, 1.3e-3}},
                  {"layer_norm", {6.1e-4, 5.8e-4}}},
                 /*horizontal=*/true);
}

std::string Roofs() {
  return RooflinePlot({.title = "Roofline", .height = 400},
                      {{"host", 444e9, 71e9}, {"H100", 67e12, 3.35e12}, {"B200", 80e12, 8e12}},
                      {{"matmul 512", 85, 410e9, "measured"},
                       {"layer_norm", 0.9, 48e9, "measured"},
                       {"gelu", 1.1, 55e9, "measured"},
                       {"attention", 12, 260e9, "measured"}});
}

constexpr char kSource[] = R"(typedef float v16 __attribute__((vector_size(64)));

/* gelu(x + b): one pass over memory instead of three. */
void fused_add_gelu_3(void* const* buffers, long begin, long end) {
  const float* x = buffers[0];  // [B*T, 3072]
  const float* b = buffers[1];  // [3072]
  float* y = buffers[2];
  for (long i = begin; i < end; ++i) {
    for (long j = 0; j < 3072; j += 16) {
      v16 v = *(const v16*)(x + i * 3072 + j) + *(const v16*)(b + j);
      *(v16*)(y + i * 3072 + j) = 0.5f * v * (1.0f + tanh16(0.7978845608f * (v + 0.044715f * v * v * v)));
    }
  }
})";

Report Demo() {
  Report report("The report library",
                "Every kind of figure, table and check on one page; the numbers are made up.");
  report.AddCard({"final loss", "1.74 nats", "from 7.62 in 1500 steps", Check::kPass});
  report.AddCard(
      {"two ranks against one", "3.1e-7", "largest difference of the loss", Check::kPass});
  report.AddCard({"throughput", "2.79k tokens/s", "MFU 61%"});
  report.AddCard({"int8 weights", "3.9\u00D7 smaller", "perplexity +0.4%", Check::kPass});
  report.AddCard({"a check that fails", "12 ms", "should be below 10 ms", Check::kFail});

  report.AddSection("Training");
  report.AddParagraph(
      "Two data-parallel ranks, ring all-reduce, `AdamW` with a cosine schedule. **One** "
      "definition.");
  report.AddFigure(Loss(), "Cross entropy of each batch, and of text that training never sees.");
  report.AddClaims({{"Loss falls as it should", true, "7.62 \u2192 1.74, at most 2.5 asked"},
                    {"Resume is exact", true, "`step 750` again: the same bits"},
                    {"The served text equals the offline text", false, "differs at byte 17"}});
  report.AddFigure(Rates());

  report.AddSection("One tensor's road");
  report.AddSubsection("The kernel");
  report.AddParagraph("What the compiler wrote for `model.cc:88 mlp`:");
  report.AddCode(kSource, "c", "`fused_add_gelu_3`, compiled with `-O2 -march=native`.");
  report.AddSubsection("Chips");
  Table table{
      .columns = {
          {"chip"}, {"kernel", false, true}, {"time", true}, {"bound by"}, {"share", true}}};
  table.rows = {{"host", "fused_add_gelu_3", Cell(1.2e-3, "s"), "memory", Cell(38.2, "%")},
                {"A100", "fused_add_gelu_3", Cell(4.4e-5, "s"), "memory", Cell(22.0, "%")},
                {"H100", "fused_add_gelu_3", Cell(2.6e-5, "s"), "memory", Cell(20.5, "%")},
                {"B200", "fused_add_gelu_3", Cell(9.1e-6, "s"), "overhead", Cell(31.0, "%")}};
  table.caption = "Measured on the host, modelled elsewhere. Click a header to sort.";
  report.AddTable(table);
  report.AddFigure(Roofs(), "Both axes are logarithmic.");
  report.AddFigure(Predicted(),
                   "Each point is a kernel; the grey band is a factor of two either way.");
  report.AddFigure(Kernels());

  report.AddSection("Memory and time");
  report.AddFigure(Memory(), "Each box is a buffer: which steps it lives through, and where.");
  report.AddFigure(Timeline(), "Measured. Hover for the exact times.");
  report.BeginDetails("Plan text");
  report.AddCode(
      "step 0: launch fused_add_gelu_3  # <b>&amp;</b> stays text\nstep 1: library matmul");
  report.EndDetails();
  report.AddList({"Lists are `possible`", "and short"});
  report.AddFigure(LinePlot({.title = "Nothing to see"}, {}));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  const std::string path = argc > 1 ? argv[1] : "/tmp/strata_report_demo.html";
  const absl::Status status = strata::courses::Demo().Write(path);
  if (!status.ok()) {
    std::fprintf(stderr, "demo: %s\n", std::string(status.message()).c_str());
    return strata::ExitCode(status);
  }
  std::printf("%s\n", path.c_str());
  return 0;
}
