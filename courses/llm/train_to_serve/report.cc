#include "courses/llm/train_to_serve/report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "courses/lab/svg_plot.h"
#include "courses/llm/train_to_serve/stories.h"

namespace strata::courses {
namespace {

// Nats a held-out token of the grammar itself.
double SourceNats(const Pipeline& run) {
  return run.source_bits * std::log(2.0) / static_cast<double>(run.held_out_tokens);
}

Series Level(const char* name, double value, const Pipeline& run) {
  return {.name = name,
          .x = {1, static_cast<double>(run.steps.size())},
          .y = {value, value},
          .dashed = true};
}

void AddText(const Pipeline& run, Report* report) {
  report->AddSection("Text and tokenizer");
  report->AddParagraph(
      "The text is drawn from a grammar, so its entropy is known: what no model can beat. The last "
      "line of a story repeats its first, in another order: whoever remembers needs no bits for "
      "it.");
  report->AddCode(WriteStories(2, run.options.seed)[0].text);
  report->AddParagraph(absl::StrFormat(
      "A byte-level BPE learned from it has %d tokens. %d stories are %d of them; %d stories of "
      "another seed, %d tokens, are held out.",
      run.vocabulary, run.options.stories, run.training_tokens, run.options.held_out,
      run.held_out_tokens));
}

void AddTraining(const Pipeline& run, Report* report) {
  report->AddSection("Training");
  report->AddParagraph(absl::StrFormat(
      "A Llama of %d layers, width %d, %d parameters, with grouped-query attention; %d steps of %d "
      "sequences of %d tokens.",
      run.options.layers, run.options.width, run.parameters, run.steps.size(), run.options.batch,
      run.options.sequence));
  Series loss{.name = "training loss"};
  for (const llm::StepResult& step : run.steps) {
    loss.x.push_back(static_cast<double>(step.step));
    loss.y.push_back(step.loss);
  }
  report->AddFigure(LinePlot({.title = "Cross entropy, nats a token",
                              .x = {.label = "step"},
                              .y = {.label = "nats", .log = true}},
                             {loss, Level("frequencies of tokens", run.unigram_entropy, run),
                              Level("of pairs of tokens", run.bigram_entropy, run),
                              Level("the grammar", SourceNats(run), run)}),
                    "Below the second line a model needs more than the last token; near the last "
                    "one it copies the names of the first line of a story into its last. The loss "
                    "of training windows, which begin in the middle of a story, stays above it.");
}

void AddFormats(const Pipeline& run, Report* report) {
  report->AddSection("Formats");
  report->AddParagraph(
      "The trained folder becomes GGUF files; each is loaded and predicts the held-out stories "
      "with the steps of the engine. Products take int8 activations where weights have blocks, "
      "bf16 "
      "ones with bf16.");
  Series perplexity{.name = "measured", .markers = true};
  Series worst{.name = "bound"}, divergence{.name = "from f32"};
  Table table{.columns = {{"format", false, true},
                          {"bits", true},
                          {"file", true},
                          {"loaded", true},
                          {"weight error", true},
                          {"perplexity", true},
                          {"divergence", true},
                          {"bound", true}}};
  perplexity.markers = false;
  for (const FormatRun& format : run.formats) {
    const auto& matrices = format.file.formats.at(format.format);
    const double bits =
        8.0 * static_cast<double>(matrices.bytes) / static_cast<double>(matrices.weights);
    const double bound = RoundingBound(run, format);
    perplexity.x.push_back(bits);
    perplexity.y.push_back(std::exp(format.nats_per_token));
    perplexity.labels.push_back(format.format);
    worst.x.push_back(bits);
    worst.y.push_back(std::exp(run.formats[0].nats_per_token + bound));
    worst.labels.push_back(format.format);
    divergence.x.push_back(bits);
    divergence.y.push_back(format.divergence);
    divergence.labels.push_back(format.format);
    table.rows.push_back(
        {format.format, Cell(absl::StrFormat("%g", bits)),
         Cell(static_cast<double>(format.file_bytes), "B"), Cell(format.loaded_bytes, "B"),
         Cell(absl::StrFormat("%.3g %%", 100 * format.file.worst_relative_error)),
         Cell(absl::StrFormat("%.4f", std::exp(format.nats_per_token))),
         Cell(absl::StrFormat("%.2g", format.divergence)), Cell(absl::StrFormat("%.2g", bound))});
  }
  table.caption = "Divergence from f32's predictions, and its bound: nats a token.";
  const Axis bits = {.label = "bits a weight", .log = true};
  report->AddFigure(ScatterPlot({.title = "Perplexity", .x = bits, .y = {.label = "perplexity"}},
                                {perplexity, worst}),
                    "Of held-out stories. The bound takes the error of the weights, as measured, "
                    "for noise of that size (`claims.cc`).");
  report->AddFigure(ScatterPlot({.title = "Divergence from f32's predictions",
                                 .x = bits,
                                 .y = {.label = "nats a token", .log = true}},
                                {divergence}),
                    "A finer measure than perplexity: it never is below zero by luck.");
  report->AddTable(table);
}

void AddAnswers(const Pipeline& run, Report* report) {
  report->AddSection("Serving");
  report->AddParagraph(absl::StrCat(
      "The ", run.options.served,
      " file is asked twice: its engine one question after another, and a server over HTTP, all "
      "questions at once. Both must give the same tokens."));
  for (const Answer& answer : run.answers) {
    report->AddCode(
        absl::StrCat(answer.prompt, absl::StrJoin(answer.served_tokens, "")), "",
        absl::StrFormat("temperature %g, prompt: %s", answer.temperature, answer.prompt));
  }
}

}  // namespace

Report MakeReport(const Pipeline& run) {
  Report report("From training to serving",
                "Tokenizer, pretraining, quantisation and a server, on text of known entropy");
  for (const FormatRun& format : run.formats) {
    if (format.format != "f32" && format.format != "q8_0" && format.format != "q4_0") continue;
    report.AddCard({format.format, absl::StrFormat("%.4f", std::exp(format.nats_per_token)),
                    "perplexity of held-out text"});
  }
  report.AddCard(
      {"the grammar", absl::StrFormat("%.4f", std::exp(SourceNats(run))), "what no model beats"});
  AddText(run, &report);
  AddTraining(run, &report);
  AddFormats(run, &report);
  AddAnswers(run, &report);
  report.AddSection("Claims");
  report.AddParagraph("Each line is checked on this run; one that fails makes the lab fail.");
  report.AddClaims(ClaimsOf(run));
  return report;
}

std::string ToJson(const Pipeline& run) {
  std::string json;
  for (const FormatRun& format : run.formats) {
    absl::StrAppendFormat(&json,
                          "{\"format\": \"%s\", \"file_bytes\": %d, \"weight_error\": %.6g, "
                          "\"nats_per_token\": %.6f, \"divergence\": %.3g, \"bound\": %.3g}\n",
                          format.format, format.file_bytes, format.file.worst_relative_error,
                          format.nats_per_token, format.divergence, RoundingBound(run, format));
  }
  return json;
}

}  // namespace strata::courses
