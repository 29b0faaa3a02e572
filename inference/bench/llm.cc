// Benchmark: a language model's prefill and decoding on the bare step runner, beside the roof of this machine.
//
//   bazel run -c opt //inference/bench:llm -- --shape=tinyllama-1.1b --quant=q8_0 --phase=prefill --json
//   bazel run -c opt //inference/bench:llm -- --model=model.gguf --phase=decode --batch=8
//   bazel run -c opt //inference/bench:llm -- --quant=q4_k --phase=decode --page=decode.html
//
// Weights are made (--shape) or a file's (--model). The roof of prefill is the rate of the arithmetic that the format's
// products use; that of decoding the bandwidth of reads: both measured in the same run. llama_cpp.py runs llama.cpp on
// the same file.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/user_folder.h"
#include "chips/cost/roofline.h"
#include "chips/numerics/weight_format.h"
#include "chips/spec/host/host.h"
#include "compiler/device/profile.h"
#include "compiler/tools/provenance/page.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"
#include "inference/bench/prompt_work.h"
#include "inference/bench/step_provenance.h"
#include "inference/bench/step_workload.h"
#include "inference/engine/compiled_step_runner.h"
#include "llm/model/config.h"
#include "llm/model/local_model.h"
#include "llm/model/pretrained.h"

namespace strata::inference {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr int kPageRuns = 5;  // whose medians the page shows

struct Flags {
  std::string shape = "tinyllama-1.1b";
  std::string model;
  std::string quant = "q8_0";
  std::string phase = "decode";
  std::string kv = "f16";
  int64_t prompt = 512, tokens = 128, batch = 1, runs = 3;
  int threads = 0;
  std::string page;
  bool json = false, profile = false;
};

struct Loaded {
  std::string name;
  llm::DecoderConfig config;
  std::shared_ptr<const DecoderModel> model;
  std::string quant;  // of most of its weights
};

// The format that most bytes of the model's matrices are in, from the products of its step.
absl::StatusOr<std::string> FormatOf(const DecoderModel& model) {
  STRATA_ASSIGN_OR_RETURN(
      const graph::Graph step,
      model.BuildStep({.rows = 1, .logit_rows = 1, .views = 1, .view_length = 1, .slots = 2},
                      KvFormat::kF16));
  std::map<std::string, int64_t> bytes;
  for (const graph::Node& node : step.nodes()) {
    if (node.op() != "matmul_packed" && node.op() != "matmul_experts") continue;
    const graph::Value& weights = step.values(static_cast<int>(node.inputs(1)));
    bytes[graph::AttributeReader(node).String("format")] += graph::TypeOf(weights).size_bytes();
  }
  if (bytes.empty()) return absl::InvalidArgumentError("the model has no packed matrices");
  return std::max_element(bytes.begin(), bytes.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

absl::StatusOr<Loaded> Load(const Flags& flags) {
  Loaded loaded;
  if (!flags.model.empty()) {
    STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel file, llm::LoadPretrained(flags.model));
    loaded = {flags.model, std::move(file.config), std::move(file.model), ""};
  } else {
    loaded.name = flags.shape;
    STRATA_ASSIGN_OR_RETURN(loaded.config, llm::NamedConfig(flags.shape));
    STRATA_ASSIGN_OR_RETURN(loaded.model,
                            llm::MakeMadeModel(flags.shape, loaded.config, flags.quant));
  }
  STRATA_ASSIGN_OR_RETURN(loaded.quant, FormatOf(*loaded.model));
  return loaded;
}

absl::StatusOr<KvFormat> ParseKv(const std::string& name) {
  if (name == "f32") return KvFormat::kF32;
  if (name == "bf16") return KvFormat::kBf16;
  if (name == "int8") return KvFormat::kInt8;
  return KvFormat::kF16;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

struct Measured {
  double tokens_per_second = 0;
  double roof = 0;  // tokens a second that the machine could do at most
  std::string roof_name;
};

// The dtype whose arithmetic a format's products use.
chips::DType ArithmeticOf(const std::string& quant) {
  const auto format = chips::FindWeightFormat(quant);
  if (!format.ok() || (*format)->activations == chips::Activations::kF32) return chips::F32;
  return (*format)->activations == chips::Activations::kBf16 ? chips::BF16 : chips::I8;
}

absl::StatusOr<Measured> MeasurePrefill(const Flags& flags, const Loaded& loaded,
                                        const chips::Chip& host, int64_t step_rows,
                                        StepWorkload* work) {
  std::vector<double> seconds;
  for (int64_t run = 0; run <= flags.runs; ++run) {
    work->Start();
    STRATA_ASSIGN_OR_RETURN(const double once, work->Prefill(flags.prompt));
    if (run > 0) seconds.push_back(once);  // the first compiles
  }
  const chips::DType dtype = ArithmeticOf(loaded.quant);
  STRATA_ASSIGN_OR_RETURN(const double peak, chips::PeakFlops(host, dtype, /*matmul=*/true));
  STRATA_ASSIGN_OR_RETURN(const double flops, PromptFlops(*loaded.model, flags.prompt, step_rows));
  const auto tokens = static_cast<double>(flags.prompt);
  return Measured{tokens / Median(seconds), tokens / (flops / peak),
                  absl::StrFormat("%.0f G%s/s of %s", peak / 1e9,
                                  dtype == chips::I8 ? "OP" : "FLOP", chips::DTypeName(dtype))};
}

absl::StatusOr<Measured> MeasureDecode(const Flags& flags, const Loaded& loaded,
                                       const chips::Chip& host, int64_t slot_bytes,
                                       StepWorkload* work) {
  STRATA_RETURN_IF_ERROR(work->Prefill(flags.prompt).status());
  work->Spread();
  STRATA_RETURN_IF_ERROR(work->Decode(2).status());  // compiles
  std::vector<double> seconds;
  for (int64_t done = 0; done < flags.tokens; ++done) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<double> once, work->Decode(1));
    seconds.push_back(once[0]);
  }
  STRATA_ASSIGN_OR_RETURN(const double bandwidth, chips::MainBandwidth(host));
  const auto batch = static_cast<double>(flags.batch);
  const double mean_length =
      static_cast<double>(flags.prompt) + static_cast<double>(flags.tokens) / 2;
  const double bytes = llm::BytesPerToken(loaded.config, loaded.model->weights()) +
                       batch * mean_length * static_cast<double>(slot_bytes);
  return Measured{
      batch / Median(seconds), batch / (bytes / bandwidth),
      absl::StrFormat("%.3f GB a step at %.1f GB/s of reads", bytes / 1e9, bandwidth / 1e9)};
}

// Of one step of the phase.
std::vector<StepRow> RowsOf(const Flags& flags, StepWorkload* work) {
  return flags.phase == "prefill" ? work->PrefillRows(flags.prompt) : work->DecodeRows();
}

absl::Status WritePage(const Flags& flags, const Loaded& loaded, const chips::Chip& host,
                       const compiler::CompiledEvaluator::Options& options,
                       CompiledStepRunner* runner, StepWorkload* work) {
  STRATA_ASSIGN_OR_RETURN(compiler::Provenance provenance,
                          StepProvenance(runner, RowsOf(flags, work), host, options, kPageRuns));
  provenance.name = absl::StrFormat("a %s step of %s %s", flags.phase, loaded.name, loaded.quant);
  return WriteFileAtomic(flags.page, compiler::ProvenancePage(provenance));
}

absl::Status PrintProfile(const Flags& flags, const Loaded& loaded, const chips::Chip& host,
                          CompiledStepRunner* runner, StepWorkload* work) {
  chips::Timeline timeline;
  const std::vector<StepRow> rows = RowsOf(flags, work);
  STRATA_ASSIGN_OR_RETURN(const plan::Plan* plan, runner->Profile(rows, &timeline));
  STRATA_ASSIGN_OR_RETURN(const std::vector<compiler::ProfileRow> table,
                          compiler::ProfileByKernel(*plan, timeline, host));
  STRATA_ASSIGN_OR_RETURN(const std::string plot,
                          compiler::RooflinePlot(table, host, ArithmeticOf(loaded.quant)));
  std::printf("%s\n%s\n", compiler::ProfileTable(table).c_str(), plot.c_str());
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags, double started) {
  STRATA_ASSIGN_OR_RETURN(const KvFormat kv, ParseKv(flags.kv));
  STRATA_ASSIGN_OR_RETURN(const Loaded loaded, Load(flags));
  const double load_seconds = Now() - started;
  const int64_t length = flags.prompt + flags.tokens + 8;
  STRATA_ASSIGN_OR_RETURN(const int64_t slot_bytes,
                          CompiledStepRunner::SlotBytes(*loaded.model, kv));
  compiler::CompiledEvaluator::Options options;
  options.device_options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(
      auto runner, CompiledStepRunner::Create(loaded.model.get(),
                                              {.slots = StepWorkload::SlotsFor(flags.batch, length),
                                               .views = flags.batch,
                                               .view_length = length,
                                               .kv = kv},
                                              options));
  StepWorkload work(runner.get(), flags.batch);
  STRATA_RETURN_IF_ERROR(work.Prefill(1).status());
  const double first_token = Now() - started;
  work.Start();

  chips::HostOptions host_options;
  host_options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(const chips::Chip host, chips::MeasureHost(host_options));
  Measured measured;
  if (flags.phase == "prefill") {
    STRATA_ASSIGN_OR_RETURN(measured,
                            MeasurePrefill(flags, loaded, host, runner->max_rows(), &work));
  } else {
    STRATA_ASSIGN_OR_RETURN(measured, MeasureDecode(flags, loaded, host, slot_bytes, &work));
  }
  const double fraction = measured.tokens_per_second / measured.roof;
  if (flags.profile) {
    STRATA_RETURN_IF_ERROR(PrintProfile(flags, loaded, host, runner.get(), &work));
  }
  if (!flags.page.empty()) {
    STRATA_RETURN_IF_ERROR(WritePage(flags, loaded, host, options, runner.get(), &work));
  }
  if (flags.json) {
    std::printf(
        "{\"model\": \"%s\", \"quant\": \"%s\", \"phase\": \"%s\", \"prompt\": %d, \"tokens\": %d, "
        "\"batch\": %d, \"tokens_per_second\": %.2f, \"fraction_of_roof\": %.4f, \"roof\": \"%s\", "
        "\"load_seconds\": %.3f, \"first_token_seconds\": %.3f}\n",
        loaded.name.c_str(), loaded.quant.c_str(), flags.phase.c_str(),
        static_cast<int>(flags.prompt), static_cast<int>(flags.tokens),
        static_cast<int>(flags.batch), measured.tokens_per_second, fraction,
        measured.roof_name.c_str(), load_seconds, first_token);
    return absl::OkStatus();
  }
  std::printf("%s %s, %s, batch %d: %.1f tok/s, %.0f%% of the roof (%s)\n", loaded.name.c_str(),
              loaded.quant.c_str(), flags.phase.c_str(), static_cast<int>(flags.batch),
              measured.tokens_per_second, 100 * fraction, measured.roof_name.c_str());
  std::printf("  loaded in %.2f s, the first token after %.2f s\n", load_seconds, first_token);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::inference

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  const double started = strata::inference::Now();
  strata::inference::Flags flags;
  CLI::App app("Prefill and decoding of a language model, beside the machine's roof.");
  app.add_option("--shape", flags.shape, "named shape, on made weights")->capture_default_str();
  app.add_option("--model", flags.model, "a model's file (.gguf) or folder in its place");
  app.add_option("--quant", flags.quant,
                 "format of the made weights: q8_0, q4_0, q4_k, bf16, f32, ...")
      ->capture_default_str();
  app.add_option("--phase", flags.phase, "prefill: one prompt; decode: a token a step")
      ->capture_default_str()
      ->check(CLI::IsMember({"prefill", "decode"}));
  app.add_option("--prompt", flags.prompt, "tokens of each prompt")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--tokens", flags.tokens, "decoded tokens of each sequence")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", flags.batch, "sequences decoded together")
      ->capture_default_str()
      ->check(CLI::Range(1, 512));
  app.add_option("--runs", flags.runs, "measured prefills")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--kv", flags.kv, "format of keys and values")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "f16", "bf16", "int8"}));
  app.add_option("--threads", flags.threads, "threads; 0 is all cores")->capture_default_str();
  app.add_flag("--profile", flags.profile, "the time of each kernel beside its roof");
  app.add_option("--page", flags.page,
                 "write a page (HTML): each kernel of a step with its reason, work, time and roof");
  app.add_flag("--json", flags.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::inference::Run(flags, started);
  if (!status.ok()) std::fprintf(stderr, "llm: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
