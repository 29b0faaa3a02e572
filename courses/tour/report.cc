// The last chapter: one self-contained page, and a trace for Perfetto.
#include "courses/lab/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "chips/timeline/chrome_trace.h"
#include "compiler/plan/explain.h"
#include "courses/lab/svg_plot.h"
#include "courses/tour/tour.h"
#include "llm/model/decoder.h"

namespace strata::courses {
namespace {

// Step of the plan -> event, for look-ups.
std::map<int, const chips::TimelineEvent*> ByStep(const chips::Timeline& timeline) {
  std::map<int, const chips::TimelineEvent*> events;
  for (const auto& event : timeline.events()) events[event.step()] = &event;
  return events;
}

double Seconds(const chips::TimelineEvent& event) {
  return static_cast<double>(event.duration_ns()) * 1e-9;
}

double TotalSeconds(const chips::Timeline& timeline) {
  double total = 0;
  for (const auto& event : timeline.events()) total += Seconds(event);
  return total;
}

double TokensPerSecond(const Tour& tour) {
  std::vector<double> seconds;
  for (const llm::StepResult& step : tour.training.steps) seconds.push_back(step.seconds);
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<long>(seconds.size() / 2),
                   seconds.end());
  return static_cast<double>(tour.recipe.batch() * tour.recipe.sequence()) /
         seconds[seconds.size() / 2];
}

void AddCards(const Tour& tour, Report& report) {
  const auto& steps = tour.training.steps;
  report.AddCard({"loss", absl::StrFormat("%.2f nats", steps.back().loss),
                  absl::StrFormat("from %.2f", steps.front().loss), Check::kNone});
  report.AddCard({"speed", absl::StrFormat("%.0f tok/s", TokensPerSecond(tour)),
                  "training, two ranks, median step", Check::kNone});
  report.AddCard(
      {"parameters",
       absl::StrFormat("%.1f M",
                       static_cast<double>(llm::ParameterCount(tour.recipe.model())) / 1e6),
       absl::StrFormat("%d layers of width %d", tour.recipe.model().layers(),
                       tour.recipe.model().width()),
       Check::kNone});
  report.AddCard({"int8 weights", absl::StrFormat("%.1f MB", tour.int8_bytes / 1e6),
                  absl::StrFormat("from %.1f MB in fp32", tour.f32_bytes / 1e6), Check::kNone});
}

void AddTraining(const Tour& tour, Report& report) {
  report.AddSection("Training");
  report.AddParagraph(absl::StrFormat(
      "%s; a byte-level BPE vocabulary of %d was learned from it and gives %d tokens. Each step "
      "takes %d sequences of %d tokens, "
      "half on each of two data-parallel ranks (threads); gradients meet in a ring all-reduce "
      "inside the plan.",
      tour.corpus_summary, tour.text.tokenizer->vocab_size(),
      static_cast<int>(tour.text.tokens.size()), tour.recipe.batch(), tour.recipe.sequence()));
  Series two{.name = "two ranks"}, one{.name = "one rank, same batches", .markers = true},
      resumed{.name = "resumed", .markers = true};
  const auto fill = [](const std::vector<llm::StepResult>& steps, Series* series) {
    for (const llm::StepResult& step : steps) {
      series->x.push_back(static_cast<double>(step.step));
      series->y.push_back(step.loss);
    }
  };
  fill(tour.training.steps, &two);
  fill(tour.one_rank, &one);
  fill(tour.resumed, &resumed);
  report.AddFigure(
      LinePlot(
          {.title = "Loss", .x = {.label = "step"}, .y = {.label = "cross-entropy (nats a token)"}},
          {two, one, resumed}),
      "The first steps are repeated on one rank, the last ones after a resume from a checkpoint: "
      "the points lie on the line.");
  Series rate{.name = "learning rate"};
  for (const llm::StepResult& step : tour.training.steps) {
    rate.x.push_back(static_cast<double>(step.step));
    rate.y.push_back(step.learning_rate);
  }
  report.BeginDetails("The learning-rate schedule");
  report.AddFigure(LinePlot({.title = "Learning rate",
                             .height = 240,
                             .x = {.label = "step"},
                             .y = {.label = "learning rate"}},
                            {rate}));
  report.EndDetails();
}

void AddRoad(const Tour& tour, Report& report) {
  const TensorRoad& road = tour.road;
  report.AddSection("The road of one tensor");
  report.AddParagraph(absl::StrCat(
      "One line of the model, **", road.model_line,
      "**, on its way down. The name is its scope; the file and line are where it was written."));
  report.AddSubsection("Graph nodes");
  report.AddCode(absl::StrJoin(road.nodes, "\n"), "", "What the line became.");
  report.AddSubsection("Gradient nodes");
  report.AddCode(absl::StrJoin(road.gradients, "\n"), "", "What differentiation added for it.");
  report.AddSubsection("Kernel");
  report.AddParagraph(
      absl::StrFormat("The compiler put it into `%s`: %s. It does %.2f MFLOP and moves %.2f MB.",
                      road.step_name, road.reason, road.flops / 1e6, road.bytes / 1e6));
  report.AddCode(road.loop_nest, "", "The loop nest.");
  report.BeginDetails("The emitted C");
  report.AddCode(road.kernel_source, "c");
  report.EndDetails();
  report.AddSubsection("Time");
  Table table{.columns = {{"machine"},
                          {"source"},
                          {"time", true},
                          {"GFLOP/s", true},
                          {"GB/s", true},
                          {"bound by"}}};
  for (const KernelTime& time : road.times) {
    if (!(time.seconds > 0)) continue;
    table.rows.push_back({time.machine, time.source, Cell(time.seconds, "s"),
                          absl::StrFormat("%.1f", road.flops / time.seconds / 1e9),
                          absl::StrFormat("%.1f", road.bytes / time.seconds / 1e9), time.bound});
  }
  table.caption =
      "The same step of the same plan: by the clock here, and by the roofline of machines that are "
      "only described.";
  report.AddTable(table);
}

void AddPrediction(const Tour& tour, Report& report) {
  report.AddSection("Predicted and measured");
  const chips::Timeline& measured = tour.training.timelines.front();
  const std::map<int, const chips::TimelineEvent*> predicted = ByStep(tour.predictions.front());
  std::map<std::string, Series> groups;
  for (const auto& event : measured.events()) {
    auto it = predicted.find(event.step());
    if (it == predicted.end() || event.duration_ns() == 0) continue;
    Series& series = groups[event.category()];
    series.name = event.category();
    series.x.push_back(Seconds(event));
    series.y.push_back(Seconds(*it->second));
    series.labels.push_back(absl::StrCat(event.name(), "  ", event.origin()));
  }
  std::vector<Series> series;
  for (auto& [category, group] : groups) series.push_back(std::move(group));
  report.AddFigure(
      ScatterPlot({.title = "Kernel times of one training step",
                   .height = 460,
                   .x = {.label = "measured", .unit = "s", .log = true},
                   .y = {.label = "roofline of this machine", .unit = "s", .log = true}},
                  series, /*diagonal=*/true),
      "Each point is a step of rank 0's plan; above the line the model is too slow, below it the "
      "kernel misses its roof. "
      "Two ranks share the memory and the caches, which the model of a whole machine does not "
      "know.");
  Table table{.columns = {{"machine"},
                          {"one training step", true},
                          {"steps bound by compute", true},
                          {"by memory", true},
                          {"by overhead", true}}};
  for (const chips::Timeline& timeline : tour.predictions) {
    int compute = 0, memory = 0, overhead = 0;
    for (const auto& event : timeline.events()) {
      compute += event.reason() == "compute";
      memory += event.reason() == "memory";
      overhead += event.reason() == "overhead";
    }
    table.rows.push_back({timeline.name(), Cell(TotalSeconds(timeline), "s"), absl::StrCat(compute),
                          absl::StrCat(memory), absl::StrCat(overhead)});
  }
  table.caption =
      "The plan of one rank, predicted on each chip. So small a step does not fill a data-centre "
      "chip.";
  report.AddTable(table);
}

void AddTimeline(const Tour& tour, Report& report) {
  report.AddSection("Timeline");
  std::vector<TimelineSpan> spans;
  for (size_t rank = 0; rank < tour.training.timelines.size(); ++rank) {
    for (const auto& event : tour.training.timelines[rank].events()) {
      spans.push_back({.lane = absl::StrCat("rank ", rank),
                       .name = event.name(),
                       .category = event.category(),
                       .start = static_cast<double>(event.start_ns()) * 1e-9,
                       .duration = Seconds(event),
                       .detail = event.origin()});
    }
  }
  report.AddFigure(
      TimelinePlot({.title = "One training step", .x = {.label = "time", .unit = "s"}}, spans),
      "Measured; each rank from its own zero. trace.json has the same for Perfetto, with the "
      "predictions beside it.");
  std::map<std::string, std::pair<double, int>> kernels;
  for (const auto& event : tour.training.timelines.front().events()) {
    auto& [seconds, count] =
        kernels[plan::KernelName(tour.training.plan, tour.training.plan.steps(event.step()))];
    seconds += Seconds(event);
    ++count;
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, row] : kernels) order.push_back({row.first, name});
  std::sort(order.rbegin(), order.rend());
  Table table{
      .columns = {{"kernel", false, true}, {"calls", true}, {"time", true}, {"share", true}}};
  const double total = TotalSeconds(tour.training.timelines.front());
  for (size_t i = 0; i < std::min<size_t>(order.size(), 15); ++i) {
    table.rows.push_back({order[i].second, absl::StrCat(kernels[order[i].second].second),
                          Cell(order[i].first, "s"),
                          absl::StrFormat("%.1f %%", 100 * order[i].first / total)});
  }
  table.caption = "Where the time goes on rank 0.";
  report.AddTable(table);
}

void AddMemory(const Tour& tour, Report& report) {
  report.AddSection("Memory plan");
  const plan::Plan& plan = tour.training.plan;
  std::vector<MemoryBlock> blocks;
  double temporaries = 0;
  for (const plan::Buffer& buffer : plan.buffers()) {
    if (buffer.kind() != plan::TEMPORARY || buffer.size_bytes() == 0 || buffer.has_in_place_of())
      continue;
    temporaries += static_cast<double>(buffer.size_bytes());
    blocks.push_back({buffer.name(), static_cast<double>(buffer.first_step()),
                      static_cast<double>(buffer.last_step()), static_cast<double>(buffer.offset()),
                      static_cast<double>(buffer.size_bytes())});
  }
  report.AddFigure(MemoryPlot({.title = "The arena over one training step",
                               .height = 420,
                               .x = {.label = "step of the plan"},
                               .y = {.label = "offset", .unit = "B"}},
                              blocks, static_cast<double>(plan.arena_bytes())),
                   absl::StrFormat("%d temporaries of %.1f MB in all share an arena of %.1f MB. "
                                   "Activations live from the forward pass "
                                   "(left) to the backward pass (right).",
                                   static_cast<int>(blocks.size()), temporaries / 1e6,
                                   static_cast<double>(plan.arena_bytes()) / 1e6));
}

void AddText(const Tour& tour, Report& report) {
  report.AddSection("Text");
  report.AddCode(absl::StrCat(tour.prompt, tour.offline_text), "c",
                 "Written by the trained model (temperature 0.6, top-p 0.9, a fixed seed).");
  report.BeginDetails("The same in int8");
  report.AddCode(absl::StrCat(tour.prompt, tour.int8_text), "c");
  report.EndDetails();
  Table table{.columns = {{"weights"},
                          {"size", true},
                          {"decode", true},
                          {"tokens equal to fp32 before the first difference", true}},
              .sortable = false};
  table.rows.push_back({"fp32", Cell(tour.f32_bytes, "B"),
                        absl::StrFormat("%.0f tok/s", tour.decode_tokens_per_second), "-"});
  table.rows.push_back({"int8, a scale for each 32 weights (q8_0)", Cell(tour.int8_bytes, "B"),
                        absl::StrFormat("%.0f tok/s", tour.int8_tokens_per_second),
                        absl::StrFormat("%.0f %%", 100 * tour.int8_agreement)});
  table.caption =
      "The packed copy of the output matrix stands beside the fp32 rows that token look-up needs.";
  report.AddTable(table);
}

}  // namespace

Report MakeReport(const Tour& tour) {
  Report report("Strata: the tour",
                "From text to served text, through every layer, on this machine");
  AddCards(tour, report);
  report.AddSection("Claims");
  report.AddClaims(tour.claims);
  AddTraining(tour, report);
  AddRoad(tour, report);
  AddPrediction(tour, report);
  AddTimeline(tour, report);
  AddMemory(tour, report);
  AddText(tour, report);
  return report;
}

absl::Status WriteTrace(const Tour& tour) {
  std::vector<chips::Timeline> traces = tour.training.timelines;
  traces.insert(traces.end(), tour.predictions.begin(), tour.predictions.end());
  return WriteFileAtomic(JoinPath(tour.options.output, "trace.json"), chips::ToChromeTrace(traces));
}

}  // namespace strata::courses
