// Benchmark: one training step of a decoder, in turn with a peer.
//
//   bazel run -c opt //llm/bench:train_step -- --model=gpt2-124m --batch=4 --seq=256
//   bazel run -c opt //llm/bench:train_step -- --peer="OPENBLAS_CORETYPE=SkylakeX ATEN_CPU_CAPABILITY=avx512 python3
//       llm/bench/pytorch_train_step.py --batch=4 --seq=256 --serve"
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/user_folder.h"
#include "chips/cost/roofline.h"
#include "chips/spec/host/host.h"
#include "compiler/device/profile.h"
#include "compiler/plan/memory_use.h"
#include "llm/bench/peer.h"
#include "llm/model/decoder.h"
#include "llm/train/recipe.h"
#include "llm/train/trainer.h"

namespace strata::llm {
namespace {

struct Flags {
  std::string model = "gpt2-124m";
  std::string dtype = "f32";
  std::string peer;
  int64_t batch = 4;
  int64_t sequence = 256;
  int64_t steps = 7;
  int threads = 0;
  bool json = false;
  bool profile = false;
  std::string gemm = "fastest", tuning_log;
};

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const Flags& flags, const Recipe& recipe,
                                                     const std::string& cache_dir) {
  std::vector<int32_t> tokens(static_cast<size_t>(flags.batch * flags.sequence * 4 + 1));
  uint64_t state = 1;
  for (int32_t& token : tokens) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    token =
        static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(recipe.model().vocab_size()));
  }
  STRATA_ASSIGN_OR_RETURN(TokenDataset dataset,
                          TokenDataset::Create(tokens, flags.batch, flags.sequence, 1));
  Trainer::Options options;
  options.threads = flags.threads;
  options.cache_dir = cache_dir;
  options.gemm = flags.gemm;
  options.tuning_log = flags.tuning_log;
  return Trainer::Create(recipe, std::make_shared<const TokenDataset>(std::move(dataset)), options);
}

// Where the time of one step goes, each kernel beside its roof.
absl::Status PrintProfile(const Trainer& trainer, const chips::Timeline& timeline,
                          const chips::Chip& host, const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<compiler::ProfileRow> rows,
                          compiler::ProfileByKernel(trainer.plan(), timeline, host));
  if (flags.json) {
    for (const compiler::ProfileRow& row : rows) {
      std::printf(
          "{\"kernel\": \"%s\", \"calls\": %d, \"seconds\": %.6f, \"roof_seconds\": %.6f, "
          "\"flops\": %.0f, "
          "\"bytes\": %.0f, \"roof_fraction\": %.4f, \"note\": \"%s\"}\n",
          row.kernel.c_str(), row.calls, row.seconds, row.roof_seconds, row.flops, row.bytes,
          row.RoofFraction(), row.note.c_str());
    }
    return absl::OkStatus();
  }
  STRATA_ASSIGN_OR_RETURN(const std::string plot,
                          compiler::RooflinePlot(rows, host, trainer.recipe().compute_dtype()));
  std::printf("%s\n%s\n", compiler::ProfileTable(rows).c_str(), plot.c_str());
  return absl::OkStatus();
}

// Empty at first, so that the first compilation is a cold one; gone with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    char path[] = "/tmp/strata_bench_XXXXXX";
    if (mkdtemp(path) != nullptr) path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

absl::Status Run(const Flags& flags) {
  Recipe recipe;
  recipe.set_compute_dtype(flags.dtype == "bf16" ? chips::BF16 : chips::F32);
  recipe.set_model_name(flags.model);
  recipe.set_batch(flags.batch);
  recipe.set_sequence(flags.sequence);
  recipe.set_steps(1000);
  recipe.set_learning_rate(1e-4);
  recipe.set_weight_decay(0.1);
  STRATA_ASSIGN_OR_RETURN(recipe, CompleteRecipe(recipe, 1));
  chips::HostOptions host_options;
  host_options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(chips::Chip host, chips::MeasureHost(host_options));
  STRATA_ASSIGN_OR_RETURN(const double peak,
                          chips::PeakFlops(host, recipe.compute_dtype(), /*matmul=*/true));

  const TemporaryFolder folder;
  if (folder.path().empty()) return absl::InternalError("cannot make a temporary folder");
  double cold = 0;
  {
    STRATA_ASSIGN_OR_RETURN(auto first, MakeTrainer(flags, recipe, folder.path()));
    cold = first->compile_seconds();
  }
  STRATA_ASSIGN_OR_RETURN(auto trainer, MakeTrainer(flags, recipe, folder.path()));
  const double warm = trainer->compile_seconds();
  std::unique_ptr<Peer> peer;
  if (!flags.peer.empty()) {
    STRATA_ASSIGN_OR_RETURN(peer, Peer::Start(flags.peer));
  }
  STRATA_RETURN_IF_ERROR(trainer->Step().status());  // warm-up
  std::vector<double> ours, theirs, ratios;
  for (int64_t i = 0; i < flags.steps; ++i) {
    STRATA_ASSIGN_OR_RETURN(StepResult step, trainer->Step());
    ours.push_back(step.seconds);
    if (peer == nullptr) continue;
    STRATA_ASSIGN_OR_RETURN(double seconds, peer->Step());
    theirs.push_back(seconds);
    ratios.push_back(seconds / step.seconds);
  }
  if (flags.profile) {
    chips::Timeline timeline;
    STRATA_RETURN_IF_ERROR(trainer->Step(&timeline).status());
    STRATA_RETURN_IF_ERROR(PrintProfile(*trainer, timeline, host, flags));
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double tokens = static_cast<double>(flags.batch * flags.sequence), seconds = Median(ours);
  const double flops = TrainingFlops(recipe.model(), flags.batch * flags.sequence, flags.sequence);
  const double mfu = flops / seconds / peak;
  const plan::MemoryUse memory = plan::MemoryUseOf(trainer->plan());
  std::string json = absl::StrFormat(
      "{\"model\": \"%s\", \"batch\": %d, \"seq\": %d, \"dtype\": \"%s\", \"tokens_per_second\": "
      "%.1f, \"mfu\": %.4f, "
      "\"peak_gflops\": %.1f, \"peak_rss_bytes\": %d, \"compile_cold_seconds\": %.3f, "
      "\"compile_warm_seconds\": %.3f, "
      "\"flops_per_step\": %.0f, \"planned_bytes\": %d, \"planned_lower_bound_bytes\": %d",
      flags.model, flags.batch, flags.sequence, flags.dtype, tokens / seconds, mfu, peak / 1e9,
      static_cast<int64_t>(usage.ru_maxrss) * 1024, cold, warm, flops, memory.peak(),
      memory.lower_bound());
  if (peer != nullptr) {
    absl::StrAppendFormat(&json, ", \"peer_tokens_per_second\": %.1f, \"ratio_to_peer\": %.3f",
                          tokens / Median(theirs), Median(ratios));
  }
  json += "}";
  if (flags.json) {
    std::printf("%s\n", json.c_str());
    return absl::OkStatus();
  }
  std::printf("%s  B=%d T=%d %s, %d steps\n", flags.model.c_str(), static_cast<int>(flags.batch),
              static_cast<int>(flags.sequence), flags.dtype.c_str(), static_cast<int>(flags.steps));
  std::printf("  work     %8.1f GFLOP a step, counted\n", flops / 1e9);
  std::printf("  ours     %8.1f tok/s   step %.3f s   MFU %.1f%% of %.0f GFLOP/s\n",
              tokens / seconds, seconds, 100 * mfu, peak / 1e9);
  if (peer != nullptr) {
    std::printf("  peer     %8.1f tok/s   step %.3f s   ours / peer %.2fx (median of pairs)\n",
                tokens / Median(theirs), Median(theirs), Median(ratios));
  }
  std::printf(
      "  compile  cold %.2f s, warm %.2f s (graph, passes, kernels)   peak memory %.2f GB\n", cold,
      warm, static_cast<double>(usage.ru_maxrss) * 1024 / 1e9);
  std::printf("  memory   %s\n", memory.ToString().c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::llm

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  strata::llm::Flags flags;
  CLI::App app(
      "One training step of a decoder, measured; with --peer in turn with another program.");
  app.add_option("--model", flags.model, "named model shape")->capture_default_str();
  app.add_option("--batch", flags.batch, "sequences")->capture_default_str();
  app.add_option("--seq", flags.sequence, "tokens a sequence")->capture_default_str();
  app.add_option("--dtype", flags.dtype, "of matrix products; parameters, moments and sums are f32")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--steps", flags.steps, "measured steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads, "threads; 0 is all cores")->capture_default_str();
  app.add_option("--gemm", flags.gemm, "products: the faster as far as known, or one of the two")
      ->check(CLI::IsMember({"fastest", "library", "emitted"}))
      ->capture_default_str();
  app.add_option("--tuning-log", flags.tuning_log,
                 "what is known of products (//compiler/tune:tune_gemm writes it)");
  app.add_option("--peer", flags.peer,
                 "shell command that does one step a line (see pytorch_train_step.py --serve)");
  app.add_flag("--json", flags.json, "one JSON object");
  app.add_flag("--profile", flags.profile, "time of each kernel beside its roof");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::llm::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "train_step: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
